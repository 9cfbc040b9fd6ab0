//! Numbers of the profile: what a `serde_json` number exactly is, and how it is spelled. Must not do
//! arithmetic on floats: digits come from the standard library's shortest form.

use serde_json::Number;
use std::io::Write as _;

use super::error::{JsonError, JsonErrorKind};

/// A number as the profile sees it: its kind and its exact value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Exact {
    /// An integer that is not negative.
    Unsigned(u64),
    /// An integer below zero.
    Negative(i64),
    /// A finite double, written with point or exponent.
    Float(f64),
}

impl Exact {
    /// The exact value, or `None` for a number outside the profile, which `serde_json` holds only
    /// when built with `arbitrary_precision`.
    pub(super) fn of(number: &Number) -> Option<Self> {
        if let Some(integer) = number.as_u64() {
            return Some(Self::Unsigned(integer));
        }
        if let Some(integer) = number.as_i64() {
            return Some(u64::try_from(integer).map_or(Self::Negative(integer), Self::Unsigned));
        }
        if !number.is_f64() {
            return None;
        }
        number.as_f64().filter(|float| float.is_finite()).map(Self::Float)
    }

    /// Whether two numbers have the same spelling: the same kind and value, the signs of the zeros
    /// included.
    pub(super) fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Unsigned(a), Self::Unsigned(b)) => a == b,
            (Self::Negative(a), Self::Negative(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            _ => false,
        }
    }
}

/// Appends the one spelling of a number.
pub(super) fn write(out: &mut Vec<u8>, number: &Number) -> Result<(), JsonError> {
    match Exact::of(number) {
        Some(Exact::Unsigned(integer)) => write_display(out, integer),
        Some(Exact::Negative(integer)) => write_display(out, integer),
        Some(Exact::Float(float)) => write_float(out, float),
        None => return Err(out_of_range(number).at(out.len())),
    }
    Ok(())
}

fn out_of_range(number: &Number) -> JsonErrorKind {
    match number.to_string().contains(['.', 'e', 'E']) {
        true => JsonErrorKind::FloatOutOfRange,
        false => JsonErrorKind::IntegerOutOfRange,
    }
}

fn write_display(out: &mut Vec<u8>, integer: impl std::fmt::Display) {
    write!(out, "{integer}").expect("writing to a vector can't fail");
}

/// ECMAScript's `Number::toString` (ECMA-262, 6.1.6.1.20, with its note 2, as RFC 8785 has it), with
/// `.0` where that would print an integer.
fn write_float(out: &mut Vec<u8>, float: f64) {
    let scientific = shortest(float);
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a decimal exponent");
    let unsigned = mantissa.strip_prefix('-');
    if unsigned.is_some() {
        out.push(b'-');
    }
    let mut digits = unsigned.unwrap_or(mantissa).as_bytes().to_vec();
    digits.retain(|byte| *byte != b'.');
    lay_out(out, &digits, exponent + 1);
}

/// The fewest digits that read back as the same double; of those, the nearest to it; of two equally
/// near, the even one.
///
/// The standard library leaves the last choice open and takes the larger. Its rounding to a given
/// number of digits takes the even one, and is asked when the larger is odd. Next to a power of two
/// the rounded digits may read back as the neighbour, and then are not a choice.
fn shortest(float: f64) -> String {
    let shortest = format!("{float:e}");
    let (mantissa, _) = shortest.split_once('e').expect("`{:e}` writes an exponent");
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let odd = mantissa.ends_with(['1', '3', '5', '7', '9']);
    if !odd {
        return shortest;
    }
    let rounded = format!("{float:.*e}", digits - 1);
    let same = rounded.parse::<f64>().is_ok_and(|read| read.to_bits() == float.to_bits());
    if same { rounded } else { shortest }
}

/// Places the point: the value is `0.digits × 10^point`.
fn lay_out(out: &mut Vec<u8>, digits: &[u8], point: i32) {
    let count = i32::try_from(digits.len()).expect("a double has at most 17 shortest digits");
    match point {
        1..=21 if count <= point => {
            out.extend_from_slice(digits);
            push_zeros(out, point - count);
            out.extend_from_slice(b".0");
        }
        1..=21 => push_split(out, digits, point),
        -5..=0 => {
            out.extend_from_slice(b"0.");
            push_zeros(out, -point);
            out.extend_from_slice(digits);
        }
        _ => {
            match count {
                1 => out.extend_from_slice(digits),
                _ => push_split(out, digits, 1),
            }
            write!(out, "e{:+}", point - 1).expect("writing to a vector can't fail");
        }
    }
}

fn push_split(out: &mut Vec<u8>, digits: &[u8], point: i32) {
    let point = usize::try_from(point).expect("the point stands inside the digits");
    out.extend_from_slice(&digits[..point]);
    out.push(b'.');
    out.extend_from_slice(&digits[point..]);
}

fn push_zeros(out: &mut Vec<u8>, count: i32) {
    out.extend((0..count).map(|_| b'0'));
}

#[cfg(test)]
mod tests {
    use super::write_float;

    fn check(float: f64, expect: &str) {
        let mut out = Vec::new();
        write_float(&mut out, float);
        assert_eq!(String::from_utf8_lossy(&out), expect);
    }

    #[test]
    fn zeros_keep_their_sign_and_their_point() {
        check(0.0, "0.0");
        check(-0.0, "-0.0");
    }

    #[test]
    fn whole_floats_get_a_point_until_the_exponent_takes_over() {
        check(1.0, "1.0");
        check(-120.0, "-120.0");
        check(1e20, "100000000000000000000.0");
        check(999_999_999_999_999_900_000.0, "999999999999999900000.0");
        check(1e21, "1e+21");
        check(-1.5e21, "-1.5e+21");
    }

    #[test]
    fn small_floats_get_an_exponent_below_a_millionth() {
        check(0.000_001, "0.000001");
        check(0.000_001_234, "0.000001234");
        check(9.99e-7, "9.99e-7");
        check(1e-7, "1e-7");
        check(-0.25, "-0.25");
    }

    #[test]
    fn the_extremes_are_shortest() {
        check(f64::MAX, "1.7976931348623157e+308");
        check(f64::MIN_POSITIVE, "2.2250738585072014e-308");
        check(5e-324, "5e-324");
        check(0.1, "0.1");
        check(1.0 / 3.0, "0.3333333333333333");
        check(123_456_789.125, "123456789.125");
        check(9_007_199_254_740_993.0, "9007199254740992.0");
    }

    #[test]
    fn the_samples_of_rfc_8785_hold() {
        for (bits, expect) in [
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xc340_0000_0000_0000, "-9007199254740992.0"),
            (0x4430_0000_0000_0000, "295147905179352830000.0"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000.0"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000.0"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            check(f64::from_bits(bits), expect);
        }
    }

    #[test]
    fn of_two_equally_near_spellings_the_even_one_is_taken() {
        check(f64::from_bits(0x42db_9db2_6622_7888), "121456467413474.12");
        check(f64::from_bits(0x4305_5c73_14b0_78aa), "751577981128469.2");
        check(f64::from_bits(0xc314_b0b5_70ca_2eb9), "-1455948215520174.2");
        check(f64::from_bits(0x4314_b0b5_70ca_2ebb), "1455948215520174.8");
    }

    #[test]
    fn next_to_a_power_of_two_the_digits_still_read_back() {
        check(f64::from_bits(0x3d30_0000_0000_0000), "5.684341886080802e-14");
        check(f64::from_bits(0x0060_0000_0000_0000), "7.120236347223045e-307");
        check(f64::from_bits(0x0e80_0000_0000_0000), "7.678447687145631e-239");
        check(f64::from_bits(0x4340_0000_0000_0000), "9007199254740992.0");
    }
}
