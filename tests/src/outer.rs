//! An error with a cause.

use std::error::Error;
use std::fmt;

/// An error that says "outer" and whose source is the error in it.
#[derive(Debug)]
pub struct Outer<E>(pub E);

impl<E> fmt::Display for Outer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl<E: Error + 'static> Error for Outer<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
