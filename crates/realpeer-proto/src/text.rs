//! The fields of a version 1 line: addresses and ports as text, read a byte at a time (section 2.1).
//!
//! Each field says of a byte whether it may follow, and how many more bytes it needs at the least. A byte that may
//! not follow leaves the field as it was: it ends the field, or it is wrong.

/// A field that is read a byte at a time.
pub(crate) trait Field: Copy {
    /// Where a field's value goes that does not fit into the field itself.
    type Value;

    /// Takes `byte` if some valid text goes on with it.
    fn push(&mut self, byte: u8, value: &mut Self::Value) -> bool;

    /// The fewest bytes with which the text so far becomes valid; 0 if it is.
    fn missing(&self) -> usize;
}

/// Four decimal integers from 0 to 255 with single dots between and no heading zero (R20).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ipv4Text {
    /// The integers before the current one, the last one lowest.
    before: u32,
    current: u8,
    digits: u8,
    dots: u8,
}

/// Eight groups of one to four hex digits, `::` at most once for one or more of them, the last two perhaps
/// written as IPv4 (R21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ipv6Text {
    /// The groups before the current one.
    groups: u8,
    /// The groups before `::`, plus one; 0 without it.
    gap: u8,
    /// The last byte was a colon.
    colon: bool,
    /// The digits of the current group.
    digits: u8,
    current: u16,
    /// The current group is the IPv4 at the end, once it has a dot.
    tail: Ipv4Text,
}

/// A decimal from 0 to 65535 without heading zero or sign (R23).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortText {
    value: u16,
    digits: u8,
}

impl Ipv4Text {
    /// The address, once nothing is missing.
    pub(crate) fn value(&self) -> u32 {
        self.before << 8 | u32::from(self.current)
    }

    /// What a dot makes of one decimal integer that has been read.
    fn after_first(current: u8) -> Self {
        Self { before: u32::from(current), current: 0, digits: 0, dots: 1 }
    }
}

impl Field for Ipv4Text {
    type Value = ();

    #[inline(always)]
    fn push(&mut self, byte: u8, (): &mut ()) -> bool {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            let value = u16::from(self.current) * 10 + u16::from(digit);
            let Ok(value) = u8::try_from(value) else { return false };
            // A zero can't be followed by a digit.
            if self.digits > 0 && self.current == 0 {
                return false;
            }
            self.current = value;
            self.digits += 1;
            true
        } else if byte == b'.' && self.digits > 0 && self.dots < 3 {
            self.before = self.before << 8 | u32::from(self.current);
            self.current = 0;
            self.digits = 0;
            self.dots += 1;
            true
        } else {
            false
        }
    }

    fn missing(&self) -> usize {
        usize::from(self.digits == 0) + 2 * usize::from(3 - self.dots)
    }
}

impl Ipv6Text {
    const GROUPS: u8 = 8;

    /// The address, once nothing is missing. `groups` are those that [`push`](Field::push) wrote.
    pub(crate) fn value(&self, groups: &[u16; 8]) -> u128 {
        let mut groups = *groups;
        let mut count = usize::from(self.groups);
        if self.tail.dots > 0 {
            let tail = self.tail.value().to_be_bytes();
            write(&mut groups, count, u16::from_be_bytes([tail[0], tail[1]]));
            write(&mut groups, count + 1, u16::from_be_bytes([tail[2], tail[3]]));
            count += 2;
        } else if self.digits > 0 {
            write(&mut groups, count, self.current);
            count += 1;
        }
        // What stands behind `::` belongs at the end.
        let gap = match self.gap {
            0 => count,
            gap => usize::from(gap - 1),
        };
        let mut value = 0;
        let zeros = 8usize.saturating_sub(count);
        for (index, &group) in groups.iter().take(count).enumerate() {
            if index == gap {
                value <<= 16 * zeros;
            }
            value = value << 16 | u128::from(group);
        }
        if gap == count && zeros < 8 {
            value <<= 16 * zeros;
        }
        value
    }

    /// How many groups there may be: `::` stands for at least one.
    fn room(&self) -> u8 {
        if self.gap > 0 { Self::GROUPS - 1 } else { Self::GROUPS }
    }

    #[inline(always)]
    fn push_digit(&mut self, digit: u8) -> bool {
        // A single colon can't come first.
        let lone = self.colon && self.groups == 0 && self.gap == 0;
        if self.digits == 4 || lone || (self.digits == 0 && self.groups == self.room()) {
            return false;
        }
        self.current = self.current << 4 | u16::from(digit);
        self.digits += 1;
        self.colon = false;
        true
    }

    #[inline(always)]
    fn push_colon(&mut self, groups: &mut [u16; 8]) -> bool {
        if self.digits > 0 {
            // Another group, or `::`, has to fit behind it.
            if self.groups + 1 >= self.room() {
                return false;
            }
            write(groups, usize::from(self.groups), self.current);
            self.groups += 1;
            self.current = 0;
            self.digits = 0;
        } else if self.gap == 0 && (self.colon || self.groups == 0) {
            if self.colon {
                self.gap = self.groups + 1;
                self.colon = false;
                return true;
            }
        } else {
            return false;
        }
        self.colon = true;
        true
    }

    fn push_dot(&mut self) -> bool {
        let fits =
            if self.gap > 0 { self.groups + 2 <= self.room() } else { self.groups + 2 == Self::GROUPS };
        let Some(first) = decimal(self.current, self.digits) else { return false };
        if fits {
            self.tail = Ipv4Text::after_first(first);
        }
        fits
    }
}

impl Field for Ipv6Text {
    type Value = [u16; 8];

    #[inline(always)]
    fn push(&mut self, byte: u8, groups: &mut [u16; 8]) -> bool {
        if self.tail.dots > 0 {
            return self.tail.push(byte, &mut ());
        }
        match byte {
            b'0'..=b'9' => self.push_digit(byte - b'0'),
            b'a'..=b'f' => self.push_digit(byte - b'a' + 10),
            b'A'..=b'F' => self.push_digit(byte - b'A' + 10),
            b':' => self.push_colon(groups),
            b'.' => self.push_dot(),
            _ => false,
        }
    }

    fn missing(&self) -> usize {
        if self.tail.dots > 0 {
            return self.tail.missing();
        }
        let complete = self.digits > 0 && self.groups + 1 == Self::GROUPS;
        match (self.gap > 0, self.colon) {
            // Behind a single colon: a second one, or after `::` a digit.
            (_, true) => 1,
            (true, false) => 0,
            (false, false) if complete => 0,
            // `::` does for all that is missing.
            (false, false) => 2,
        }
    }
}

impl PortText {
    /// The port, once nothing is missing.
    pub(crate) fn value(&self) -> u16 {
        self.value
    }
}

impl Field for PortText {
    type Value = ();

    #[inline(always)]
    fn push(&mut self, byte: u8, (): &mut ()) -> bool {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 || (self.digits > 0 && self.value == 0) {
            return false;
        }
        let Ok(value) = u16::try_from(u32::from(self.value) * 10 + u32::from(digit)) else { return false };
        self.value = value;
        self.digits += 1;
        true
    }

    fn missing(&self) -> usize {
        usize::from(self.digits == 0)
    }
}

/// The integer that up to four digits, read as hex, say in decimal, if they are one from 0 to 255.
fn decimal(hex: u16, digits: u8) -> Option<u8> {
    let [hundreds, tens, ones] = [hex >> 8, hex >> 4 & 0xF, hex & 0xF];
    let heading_zero = digits > 1 && hex >> (4 * (digits - 1)) == 0;
    if digits == 0 || heading_zero || hundreds > 2 || tens > 9 || ones > 9 {
        return None;
    }
    u8::try_from(hundreds * 100 + tens * 10 + ones).ok()
}

fn write(groups: &mut [u16; 8], index: usize, group: u16) {
    if let Some(slot) = groups.get_mut(index) {
        *slot = group;
    }
}
