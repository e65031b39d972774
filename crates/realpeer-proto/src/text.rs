//! The fields of a version 1 line: addresses and ports as text (section 2.1).

/// A value and where the byte stands that ends its text, or what the text came to instead.
pub(crate) type Text<T> = Result<(T, usize), End>;

/// How a text ends that has no value yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It goes on behind the input: with at least so many bytes it becomes valid, 0 if it is.
    Open(usize),
    /// The byte there can't go on with the text, and the text before it is not valid.
    Wrong(usize),
}

/// Four decimal integers from 0 to 255 with single dots between and no heading zero (R20).
#[inline(always)]
pub(crate) fn ipv4(text: &[u8]) -> Text<u32> {
    // Behind each integer at least a dot and a digit for each that is to come.
    let (a, at) = octet(text, 0).map_err(|end| end.before(6))?;
    let (b, at) = octet(text, dot(text, at)?).map_err(|end| end.before(4))?;
    let (c, at) = octet(text, dot(text, at)?).map_err(|end| end.before(2))?;
    let (d, at) = octet(text, dot(text, at)?)?;
    Ok((a << 24 | b << 16 | c << 8 | d, at))
}

/// Eight groups of one to four hex digits, `::` at most once for one or more of them, the last two perhaps written as
/// IPv4 (R21).
#[inline(always)]
pub(crate) fn ipv6(text: &[u8]) -> Text<[u16; 8]> {
    let mut groups = [0; 8];
    let mut count = 0;
    // The groups before `::`, once it has come. It stands for at least one.
    let mut gap = None;
    let mut at = 0;
    if text.first() == Some(&b':') {
        match text.get(1) {
            Some(b':') => (gap, at) = (Some(0), 2),
            Some(_) => return Err(End::Wrong(1)),
            None => return Err(End::Open(1)),
        }
    }
    loop {
        // Here a group begins: at the start, or behind a colon or two.
        let start = at;
        let room = count + usize::from(gap.is_some()) < 8;
        let mut group = 0;
        if let Some(four) = four_hex_digits(text, at).filter(|_| room) {
            group = four;
            at += 4;
        }
        while let Some(digit) = text.get(at).and_then(|&byte| hex_digit(byte)) {
            if at - start == 4 || !room {
                return Err(End::Wrong(at));
            }
            group = group << 4 | digit;
            at += 1;
        }
        let next = text.get(at).copied();
        if at == start {
            match next {
                // At the start `::` does for all, behind a colon a second one or a digit, behind two nothing.
                None if start == 0 => return Err(End::Open(2)),
                None => return Err(End::Open(usize::from(gap != Some(count)))),
                Some(b':') if start > 0 && gap.is_none() => {
                    gap = Some(count);
                    at += 1;
                    continue;
                }
                Some(_) if gap == Some(count) => break,
                Some(_) => return Err(End::Wrong(at)),
            }
        }
        let full = count + 1 + usize::from(gap.is_some()) == 8;
        match next {
            // `::` does for all that is missing.
            None => return Err(End::Open(if full || gap.is_some() { 0 } else { 2 })),
            Some(b'.') => return dotted_tail(text, start, groups, count, gap),
            Some(b':') if !full => put(&mut groups, &mut count, group),
            Some(byte) if byte != b':' && (full || gap.is_some()) => {
                put(&mut groups, &mut count, group);
                break;
            }
            Some(_) => return Err(End::Wrong(at)),
        }
        at += 1;
    }
    Ok((spread(groups, count, gap), at))
}

/// A decimal from 0 to 65535 without heading zero or sign (R23).
#[inline(always)]
pub(crate) fn port(text: &[u8]) -> Text<u16> {
    let (value, at) = decimal::<65_535>(text, 0)?;
    #[expect(clippy::cast_possible_truncation, reason = "it is at most 65,535")]
    Ok((value as u16, at))
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

    /// Where the text starts at `start` of a longer one.
    #[inline(always)]
    pub(crate) fn behind_start(self, start: usize) -> Self {
        match self {
            Self::Open(missing) => Self::Open(missing),
            Self::Wrong(at) => Self::Wrong(start + at),
        }
    }
}

/// A decimal from 0 to `MAX` without heading zero or sign, at `at`.
#[inline(always)]
fn decimal<const MAX: u32>(text: &[u8], mut at: usize) -> Text<u32> {
    let digit = |at: usize| text.get(at).map(|byte| u32::from(byte.wrapping_sub(b'0')));
    let mut value = match digit(at) {
        None => return Err(End::Open(1)),
        Some(10..) => return Err(End::Wrong(at)),
        Some(first) => first,
    };
    at += 1;
    loop {
        match digit(at) {
            None => return Err(End::Open(0)),
            Some(10..) => return Ok((value, at)),
            Some(_) if value == 0 => return Err(End::Wrong(at)),
            Some(digit) => value = value * 10 + digit,
        }
        if value > MAX {
            return Err(End::Wrong(at));
        }
        at += 1;
    }
}

/// One of the integers of an IPv4 address, at `at`. The usual ones, up to three digits and a byte behind them, are read
/// at a stroke; [`decimal`] says what else there is.
#[inline(always)]
fn octet(text: &[u8], at: usize) -> Text<u32> {
    let Some(&[a, b, c, d]) = text.get(at..).and_then(<[u8]>::first_chunk) else {
        return decimal::<255>(text, at);
    };
    // What is no digit is above 9.
    let digit = |byte: u8| u32::from(byte.wrapping_sub(b'0'));
    match (digit(a), digit(b), digit(c), digit(d)) {
        (a @ ..10, 10.., ..) => Ok((a, at + 1)),
        (a @ 1..10, b @ ..10, 10.., _) => Ok((a * 10 + b, at + 2)),
        (a @ 1..3, b @ ..10, c @ ..10, 10..) if a * 100 + b * 10 + c < 256 => {
            Ok((a * 100 + b * 10 + c, at + 3))
        }
        _ => decimal::<255>(text, at),
    }
}

/// What stands behind the dot at `at`.
#[inline(always)]
fn dot(text: &[u8], at: usize) -> Result<usize, End> {
    if text.get(at) == Some(&b'.') { Ok(at + 1) } else { Err(End::Wrong(at)) }
}

/// The last 32 bits as IPv4, which begins at `start`, behind `count` groups.
#[cold]
fn dotted_tail(
    text: &[u8],
    start: usize,
    mut groups: [u16; 8],
    mut count: usize,
    gap: Option<usize>,
) -> Text<[u16; 8]> {
    let tail = text.get(start..).unwrap_or_default();
    let fits = if gap.is_some() { count <= 5 } else { count == 6 };
    // What stands before the first dot is a group of hex digits; is it a decimal too?
    let dot = tail.iter().position(|&byte| byte == b'.').unwrap_or_default();
    if !fits || !decimal::<255>(tail, 0).is_ok_and(|(_, end)| end == dot) {
        return Err(End::Wrong(start + dot));
    }
    let (value, end) = ipv4(tail).map_err(|end| end.behind_start(start))?;
    let [a, b, c, d] = value.to_be_bytes();
    put(&mut groups, &mut count, u16::from_be_bytes([a, b]));
    put(&mut groups, &mut count, u16::from_be_bytes([c, d]));
    Ok((spread(groups, count, gap), start + end))
}

#[inline(always)]
fn put(groups: &mut [u16; 8], count: &mut usize, group: u16) {
    if let Some(slot) = groups.get_mut(*count) {
        *slot = group;
    }
    *count += 1;
}

/// The first `count` of `groups`, those behind the gap moved to the end.
#[inline(always)]
fn spread(groups: [u16; 8], count: usize, gap: Option<usize>) -> [u16; 8] {
    let Some(gap) = gap else { return groups };
    let zeros = 8usize.saturating_sub(count);
    let mut spread = [0; 8];
    for (index, &group) in groups.iter().take(count).enumerate() {
        if let Some(slot) = spread.get_mut(if index < gap { index } else { index + zeros }) {
            *slot = group;
        }
    }
    spread
}

/// The usual group of an IPv6 address, read at a stroke.
#[inline(always)]
fn four_hex_digits(text: &[u8], at: usize) -> Option<u16> {
    let &[a, b, c, d] = text.get(at..)?.first_chunk()?;
    let digit = |byte: u8| DIGITS[usize::from(byte)];
    let [a, b, c, d] = [digit(a), digit(b), digit(c), digit(d)];
    (a | b | c | d < 16).then(|| u16::from_be_bytes([a << 4 | b, c << 4 | d]))
}

#[inline(always)]
fn hex_digit(byte: u8) -> Option<u16> {
    Some(u16::from(DIGITS[usize::from(byte)])).filter(|&digit| digit < 16)
}

/// The values of hex digits, 255 for all other bytes.
static DIGITS: [u8; 256] = {
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
