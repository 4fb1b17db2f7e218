//! Where AWS has its token service: not at its stores' addresses.

use datalab_core::{
    report::{Failure, Kind},
    world::Endpoint,
};

/// A region that a store's address of AWS names, and the token service there.
///
/// <https://docs.aws.amazon.com/general/latest/gr/s3.html>,
/// <https://docs.aws.amazon.com/general/latest/gr/sts.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Amazon {
    pub(super) region: String,
    pub(super) sts_url: String,
}

const WORLD: &str = ".amazonaws.com";
const CHINA: &str = ".amazonaws.com.cn";

/// The region of addresses that name none.
const OLDEST_REGION: &str = "us-east-1";

impl Amazon {
    /// What the address of a store tells, if it is one of AWS'.
    pub(super) fn of(url: &str) -> Option<Self> {
        let host = Endpoint::of(url).ok()?.host;
        let mut partitions = [WORLD, CHINA].into_iter();
        let (name, partition) =
            partitions.find_map(|suffix| Some((host.strip_suffix(suffix)?, suffix)))?;
        let rest = name.strip_prefix("s3")?;
        let (fips, rest) = match rest.strip_prefix("-fips") {
            Some(rest) => ("-fips", rest),
            None => ("", rest),
        };
        let rest = rest.strip_prefix(".dualstack").unwrap_or(rest);
        let region = match rest {
            "" | "-external-1" | ".global" => OLDEST_REGION,
            rest => rest.strip_prefix(['.', '-'])?,
        };
        let is_region = region.ends_with(|last: char| last.is_ascii_digit())
            && region
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        is_region.then(|| Self {
            region: region.to_owned(),
            sts_url: format!("https://sts{fips}.{region}{partition}"),
        })
    }

    /// The address of the stores of a region.
    ///
    /// # Errors
    /// No region is named: AWS has no store for all of them.
    pub(super) fn endpoint(region: Option<&str>) -> Result<String, Failure> {
        let region = region.ok_or_else(|| {
            Failure::new(Kind::Usage, "which region of AWS is meant is not said")
                .detail("--region NAME names one, or --endpoint https://s3.NAME.amazonaws.com")
                .state("nothing was asked for")
        })?;
        let partition = match region.starts_with("cn-") {
            true => CHINA,
            false => WORLD,
        };
        Ok(format!("https://s3.{region}{partition}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_service_is_that_of_the_stores_region() {
        for (url, region, sts) in [
            (
                "https://s3.eu-west-3.amazonaws.com",
                "eu-west-3",
                "https://sts.eu-west-3.amazonaws.com",
            ),
            (
                "https://s3-eu-west-1.amazonaws.com",
                "eu-west-1",
                "https://sts.eu-west-1.amazonaws.com",
            ),
            (
                "https://s3.amazonaws.com",
                "us-east-1",
                "https://sts.us-east-1.amazonaws.com",
            ),
            (
                "https://s3.dualstack.eu-west-3.amazonaws.com",
                "eu-west-3",
                "https://sts.eu-west-3.amazonaws.com",
            ),
            (
                "https://s3-fips.us-gov-west-1.amazonaws.com",
                "us-gov-west-1",
                "https://sts-fips.us-gov-west-1.amazonaws.com",
            ),
            (
                "https://S3.cn-north-1.amazonaws.com.cn",
                "cn-north-1",
                "https://sts.cn-north-1.amazonaws.com.cn",
            ),
        ] {
            let amazon = Amazon::of(url).unwrap();
            assert_eq!(
                (amazon.region.as_str(), amazon.sts_url.as_str()),
                (region, sts),
                "{url}"
            );
        }
        for url in [
            "https://s3.example.org",
            "https://s3.eu-west-3.amazonaws.com.evil.example",
            "https://s3.evil.example.amazonaws.com",
            "https://s3-accelerate.amazonaws.com",
            "https://sts.eu-west-3.amazonaws.com",
        ] {
            assert_eq!(Amazon::of(url), None, "{url}");
        }
    }

    #[test]
    fn a_region_has_an_address() {
        for (region, url) in [
            ("eu-west-3", "https://s3.eu-west-3.amazonaws.com"),
            ("cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn"),
        ] {
            assert_eq!(Amazon::endpoint(Some(region)).unwrap(), url);
            assert_eq!(Amazon::of(url).unwrap().region, region);
        }
        assert!(Amazon::endpoint(None).is_err());
    }
}
