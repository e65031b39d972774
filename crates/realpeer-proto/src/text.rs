//! The fields of a version 1 line: decimals and IPv6 addresses as text (section 2.1). Each is read together with the
//! byte that ends it, off the front of a slice.

/// How a text ends that is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It goes on behind the input: at least so many bytes are missing.
    Open(usize),
    /// So many bytes from where it began, a byte can't stand.
    Wrong(usize),
}

/// How far an IPv6 address has been read: up to the start of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    /// The groups before it.
    count: u8,
    /// Those of them before `::`, once it has come. It stands for at least one.
    gap: Option<u8>,
}

/// An integer from 0 to 255 without heading zero or sign (R20), then `end`: its value, and what is behind.
#[inline(always)]
pub(crate) fn octet(text: &[u8], end: u8) -> Option<(u8, &[u8])> {
    match *text {
        [a, byte, ref behind @ ..] if byte == end => Some((digit(a)? as u8, behind)),
        [a @ b'1'..=b'9', b, byte, ref behind @ ..] if byte == end => {
            Some((decimal([a, b])? as u8, behind))
        }
        [a @ b'1'..=b'9', b, c, byte, ref behind @ ..] if byte == end => {
            Some((u8::try_from(decimal([a, b, c])?).ok()?, behind))
        }
        _ => None,
    }
}

/// A port without heading zero or sign (R23), then `end`, likewise.
#[inline(always)]
pub(crate) fn port(text: &[u8], end: u8) -> Option<(u16, &[u8])> {
    let (value, behind) = match *text {
        [a, byte, ref behind @ ..] if byte == end => (digit(a)?, behind),
        [a @ b'1'..=b'9', b, byte, ref behind @ ..] if byte == end => (decimal([a, b])?, behind),
        [a @ b'1'..=b'9', b, c, byte, ref behind @ ..] if byte == end => (decimal([a, b, c])?, behind),
        [a @ b'1'..=b'9', b, c, d, byte, ref behind @ ..] if byte == end => (decimal([a, b, c, d])?, behind),
        [a @ b'1'..=b'9', b, c, d, e, byte, ref behind @ ..] if byte == end => {
            (decimal([a, b, c, d, e])?, behind)
        }
        _ => return None,
    };
    Some((u16::try_from(value).ok()?, behind))
}

/// Why `text` does not begin with a decimal up to `max` and what ends it: it is too short, or a byte is wrong.
pub(crate) fn not_decimal(text: &[u8], max: u32) -> End {
    let mut value = None;
    for (at, &byte) in text.iter().enumerate() {
        value = match (digit(byte), value) {
            (Some(digit), None) => Some(digit),
            (Some(digit), Some(value @ 1..)) if value * 10 + digit <= max => Some(value * 10 + digit),
            _ => return End::Wrong(at),
        };
    }
    End::Open(usize::from(value.is_none()))
}

#[inline(always)]
fn decimal<const DIGITS: usize>(digits: [u8; DIGITS]) -> Option<u32> {
    digits.into_iter().try_fold(0, |value, byte| Some(10 * value + digit(byte)?))
}

#[inline(always)]
fn digit(byte: u8) -> Option<u32> {
    match byte.wrapping_sub(b'0') {
        digit @ ..10 => Some(digit.into()),
        _ => None,
    }
}

impl End {
    /// Where at least `more` bytes are to follow what is missing.
    #[inline(always)]
    pub(crate) fn before(self, more: usize) -> Self {
        match self {
            Self::Open(missing) => Self::Open(missing + more),
            Self::Wrong(at) => Self::Wrong(at),
        }
    }

    /// Where the text began at `start` of a longer one.
    #[inline(always)]
    pub(crate) fn behind(self, start: usize) -> Self {
        match self {
            Self::Open(missing) => Self::Open(missing),
            Self::Wrong(at) => Self::Wrong(start + at),
        }
    }
}

impl Groups {
    /// Reads on in an IPv6 address: eight groups of one to four hex digits, `::` at most once for one or more of them,
    /// the last two perhaps written as IPv4 (R21), then a space. `text` begins where a group does, and will. Puts the
    /// values of what it reads into `groups`.
    #[inline(always)]
    pub(crate) fn read(&mut self, text: &mut &[u8], groups: &mut [u16; 8]) -> Result<(), End> {
        loop {
            let Some((group, behind)) = group(text) else {
                *text = match self.no_group(text)? {
                    (behind, true) => behind,
                    (behind, false) => {
                        *text = behind;
                        return Ok(());
                    }
                };
                self.gap = Some(self.count);
                continue;
            };
            let room = 8 - self.count - u8::from(self.gap.is_some());
            if room == 0 {
                return Err(End::Wrong(0));
            }
            // `::` does for all that is missing.
            let may_end = room == 1 || self.gap.is_some();
            let (behind, more) = match *behind {
                [b':', ref behind @ ..] if room > 1 => (behind, true),
                [b' ', ref behind @ ..] if may_end => (behind, false),
                [b'.', ..] => return self.dotted_tail(text, text.len() - behind.len(), groups),
                [_, ..] => return Err(End::Wrong(text.len() - behind.len())),
                [] => return Err(End::Open(if may_end { 0 } else { 2 })),
            };
            put(groups, self.count, group as u16);
            self.count += 1;
            *text = behind;
            if !more {
                return Ok(());
            }
        }
    }

    /// Where no group begins: at the start `::` does for all, behind a colon a second one does, and behind two the
    /// address may end. Gives what is behind, and whether that is more of the address.
    fn no_group<'a>(&self, text: &'a [u8]) -> Result<(&'a [u8], bool), End> {
        match (text, self.gap) {
            ([b':', behind @ ..], None) if self.count > 0 => Ok((behind, true)),
            ([b':', b':', behind @ ..], None) => Ok((behind, true)),
            ([b':'], None) => Err(End::Open(1)),
            ([b':', ..], None) => Err(End::Wrong(1)),
            ([b' ', behind @ ..], Some(gap)) if gap == self.count => Ok((behind, false)),
            ([_, ..], _) => Err(End::Wrong(0)),
            // At the start `::`, behind a colon a second one or a digit, behind two nothing.
            ([], None) => Err(End::Open(if self.count > 0 { 1 } else { 2 })),
            ([], Some(gap)) => Err(End::Open(usize::from(gap != self.count))),
        }
    }

    /// The groups that were read, those behind `::` moved to the end.
    #[inline(always)]
    pub(crate) fn spread(self, groups: &mut [u16; 8]) {
        if let Some(gap) = self.gap {
            let behind = groups.get_mut(gap.into()..).unwrap_or_default();
            behind.rotate_right(8usize.saturating_sub(self.count.into()));
        }
    }

    /// The last 32 bits as IPv4, the first dot of which is at `dot`.
    #[inline(always)]
    fn dotted_tail(&mut self, text: &mut &[u8], dot: usize, groups: &mut [u16; 8]) -> Result<(), End> {
        let fits = if self.gap.is_some() { self.count <= 5 } else { self.count == 6 };
        let octets = if fits { octets(text, dot) } else { Err(End::Wrong(dot)) };
        let ([a, b, c, d], behind) = octets?;
        put(groups, self.count, u16::from_be_bytes([a, b]));
        put(groups, self.count + 1, u16::from_be_bytes([c, d]));
        self.count += 2;
        *text = behind;
        Ok(())
    }
}

/// The four integers of an IPv4 address, then a space, and what is behind. What stands before the first dot is a
/// group of hex digits; it is an integer too, or the dot is wrong.
#[cold]
fn octets(text: &[u8], dot: usize) -> Result<([u8; 4], &[u8]), End> {
    let mut octets = [0; 4];
    let mut rest = text;
    // Behind each at least a dot and a digit for each that is to come.
    for (value, (end, behind)) in octets.iter_mut().zip([(b'.', 6), (b'.', 4), (b'.', 2), (b' ', 0)]) {
        let start = text.len() - rest.len();
        (*value, rest) = match octet(rest, end) {
            None if start == 0 => return Err(End::Wrong(dot)),
            None => return Err(not_decimal(rest, 255).before(behind).behind(start)),
            Some(read) => read,
        };
    }
    Ok((octets, rest))
}

#[inline(always)]
fn put(groups: &mut [u16; 8], index: u8, group: u16) {
    if let Some(slot) = groups.get_mut(usize::from(index)) {
        *slot = group;
    }
}

/// Up to four hex digits at the start of `text`: their value, and what is behind.
#[inline(always)]
fn group(text: &[u8]) -> Option<(u32, &[u8])> {
    let hex = |byte: u8| DIGITS[usize::from(byte)];
    match *text {
        [a, b, c, d, ref behind @ ..] if hex(a) | hex(b) | hex(c) | hex(d) < 16 => {
            Some((hex(a) << 12 | hex(b) << 8 | hex(c) << 4 | hex(d), behind))
        }
        [a, b, c, ref behind @ ..] if hex(a) | hex(b) | hex(c) < 16 => {
            Some((hex(a) << 8 | hex(b) << 4 | hex(c), behind))
        }
        [a, b, ref behind @ ..] if hex(a) | hex(b) < 16 => Some((hex(a) << 4 | hex(b), behind)),
        [a, ref behind @ ..] if hex(a) < 16 => Some((hex(a), behind)),
        _ => None,
    }
}

/// The values of hex digits, 255 for all other bytes.
static DIGITS: [u32; 256] = {
    let mut digits = [0xFF; 256];
    let mut digit = 0;
    while digit < 16 {
        let lower = b"0123456789abcdef"[digit as usize];
        digits[lower as usize] = digit;
        digits[lower.to_ascii_uppercase() as usize] = digit;
        digit += 1;
    }
    digits
};
