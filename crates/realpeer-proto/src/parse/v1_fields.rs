//! The fields of a complete version 1 line: decimals and IPv6 addresses as text (section 2.1). Each is read from the
//! front of a slice together with the byte that ends it. Incomplete lines: `v1_partial.rs`.

/// An integer from 0 to 255 without leading zero or sign (R20), then `end`: its value, and the rest. There are always
/// four bytes, since ports follow; they are looked at together.
#[inline(always)]
pub(crate) fn octet(text: &[u8], end: u8) -> Option<(u8, &[u8])> {
    let (&bytes, behind) = text.split_first_chunk::<4>()?;
    let word = u32::from_le_bytes(bytes);
    let [a, b, c, _] = bytes;
    if b == end {
        let digit = a.wrapping_sub(b'0');
        return if digit < 10 { Some((digit, text.get(2..)?)) } else { None };
    }
    if c == end {
        let digits = (word ^ 0x3030) & 0xFFFF;
        let fits = are_digits(digits) && digits & 0xFF > 0;
        return if fits { Some(((digits * 0x0A01).to_le_bytes()[1], text.get(3..)?)) } else { None };
    }
    // The first digit is the lowest byte, the highest is 0 if `end` is there.
    let digits = word ^ (u32::from(end) << 24 | 0x30_3030);
    let fits = are_digits(digits) && (0x0100_0000..=0x0205_0500).contains(&digits.swap_bytes());
    if fits { Some((digits.wrapping_mul(0x64_0A01).to_le_bytes()[2], behind)) } else { None }
}

/// Whether the lower three bytes are below 10, and the highest is 0.
#[inline(always)]
const fn are_digits(bytes: u32) -> bool {
    (bytes.wrapping_add(0x7F76_7676) | bytes) & 0x8080_8080 == 0
}

/// A port without leading zero or sign (R23), then `end`: its value, and the rest.
#[inline(always)]
pub(crate) fn port(text: &[u8], end: u8) -> Option<(u16, &[u8])> {
    let (value, behind) = match *text {
        [a, byte, ref behind @ ..] if byte == end => (digit(a)?, behind),
        [b'0', ..] => return None,
        [a, b, byte, ref behind @ ..] if byte == end => (decimal([a, b])?, behind),
        [a, b, c, byte, ref behind @ ..] if byte == end => (decimal([a, b, c])?, behind),
        [a, b, c, d, byte, ref behind @ ..] if byte == end => (decimal([a, b, c, d])?, behind),
        [a, b, c, d, ref rest @ ..] => match *rest {
            [unit, byte, ref behind @ ..] if byte == end => (decimal([a, b, c, d, unit])?, behind),
            _ => return None,
        },
        _ => return None,
    };
    Some((u16::try_from(value).ok()?, behind))
}

/// Eight groups of one to four hex digits, `::` at most once for one or more of them, the last two perhaps written as
/// IPv4 (R21), then a space: its value, and the rest.
#[inline(always)]
pub(crate) fn ipv6(mut text: &[u8]) -> Option<([u16; 8], &[u8])> {
    let mut groups = [0; 8];
    let mut count = 0;
    // The groups before `::`, once it has been read. It stands for at least one.
    let mut gap = None;
    if let [b':', b':', ref behind @ ..] = *text {
        (gap, text) = (Some(0), behind);
    }
    let behind = loop {
        let Some((value, behind)) = group(text) else {
            match *text {
                [b':', ref behind @ ..] if gap.is_none() && count > 0 => (gap, text) = (Some(count), behind),
                [b' ', ref behind @ ..] if gap == Some(count) => break behind,
                _ => return None,
            }
            continue;
        };
        match *behind {
            [b':', ref behind @ ..] => text = behind,
            [b' ', ref behind @ ..] => {
                *groups.get_mut(count)? = value;
                count += 1;
                break behind;
            }
            [b'.', ..] => {
                let ([a, b, c, d], behind) = ipv4(text)?;
                *groups.get_mut(count)? = u16::from_be_bytes([a, b]);
                *groups.get_mut(count + 1)? = u16::from_be_bytes([c, d]);
                count += 2;
                break behind;
            }
            _ => return None,
        }
        *groups.get_mut(count)? = value;
        count += 1;
    };
    match gap {
        None if count == 8 => {}
        // The groups behind `::`, which stands for at least one, belong at the end.
        Some(gap) if count < 8 => {
            // Not `rotate_right`, which has a panic path that the compiler can't always rule out.
            for from in (gap..count).rev() {
                let group = core::mem::take(groups.get_mut(from)?);
                *groups.get_mut(from + 8 - count)? = group;
            }
        }
        _ => return None,
    }
    Some((groups, behind))
}

/// Four integers with single dots between (R20), then a space: their value, and the rest.
#[inline(always)]
pub(crate) fn ipv4(text: &[u8]) -> Option<([u8; 4], &[u8])> {
    let (a, rest) = octet(text, b'.')?;
    let (b, rest) = octet(rest, b'.')?;
    let (c, rest) = octet(rest, b'.')?;
    let (d, rest) = octet(rest, b' ')?;
    Some(([a, b, c, d], rest))
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

/// One to four hex digits, with nothing to end them: their value, and the rest.
#[inline(always)]
fn group(text: &[u8]) -> Option<(u16, &[u8])> {
    let hex = |byte: u8| DIGITS[usize::from(byte)];
    let (value, behind) = match *text {
        [a, b, c, d, ref behind @ ..] if hex(a) | hex(b) | hex(c) | hex(d) != NOT_HEX => {
            ((hex(a) << 12) + (hex(b) << 8) + (hex(c) << 4) + hex(d), behind)
        }
        [a, b, c, ref behind @ ..] if hex(a) | hex(b) | hex(c) != NOT_HEX => {
            ((hex(a) << 8) + (hex(b) << 4) + hex(c), behind)
        }
        [a, b, ref behind @ ..] if hex(a) | hex(b) != NOT_HEX => ((hex(a) << 4) + hex(b), behind),
        [a, ref behind @ ..] if hex(a) != NOT_HEX => (hex(a), behind),
        _ => return None,
    };
    Some((value as u16, behind))
}

/// All bits of any digit, and more.
const NOT_HEX: u32 = 0xFF;

/// The values of hex digits, [`NOT_HEX`] for all other bytes.
static DIGITS: [u32; 256] = {
    let mut digits = [NOT_HEX; 256];
    let mut digit = 0;
    while digit < 16 {
        let lower = b"0123456789abcdef"[digit as usize];
        digits[lower as usize] = digit;
        digits[lower.to_ascii_uppercase() as usize] = digit;
        digit += 1;
    }
    digits
};
