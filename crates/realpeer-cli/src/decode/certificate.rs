//! What a client certificate in an SSL TLV says (type 0x28, DER).

use crate::text::plural;

/// Describes a certificate: its subject and issuer, if the program was built to read them.
#[cfg(feature = "x509")]
pub(crate) fn describe(der: &[u8]) -> String {
    use x509_cert::Certificate;
    use x509_cert::der::Decode;

    use crate::text::printable;

    let size = plural(der.len(), "byte", "bytes");
    match Certificate::from_der(der) {
        Ok(certificate) => {
            let body = certificate.tbs_certificate();
            let [subject, issuer] = [body.subject(), body.issuer()].map(ToString::to_string);
            let until = body.validity().not_after;
            format!(
                "X.509, {size}: subject {}, issuer {}, valid until {until}",
                printable(&subject),
                printable(&issuer)
            )
        }
        Err(error) => format!("{size} that are no X.509 certificate: {}", printable(&error.to_string())),
    }
}

/// Describes a certificate by its size.
#[cfg(not(feature = "x509"))]
pub(crate) fn describe(der: &[u8]) -> String {
    let size = plural(der.len(), "byte", "bytes");
    format!("X.509, {size} (a program built with the feature x509 shows its subject)")
}
