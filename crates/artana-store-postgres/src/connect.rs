//! What every connection of this crate is like: its address, its timeouts, and what the server must be.
//! It never repeats an address, which may hold a password.

use std::time::Duration;

use artana_ports::StoreError;
use tokio_postgres::{
    Config,
    config::{Host, TargetSessionAttrs},
};

use crate::{PostgresOptions, address, error::unavailable, hosts};

/// After how long a silent connection is probed, how long each probe waits, and how many go unanswered before the
/// other side counts as gone: a minute in all, on either side.
const KEEPALIVE: Duration = Duration::from_secs(30);
const PROBE: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;

/// Reads the options into the driver's terms.
pub(crate) fn config(options: &PostgresOptions) -> Result<Config, StoreError> {
    let unreadable = "the address is not postgres://user@host/database, nor key=value pairs, or has an option that is \
                      not known here";
    let mut config = address::parse(&options.address).map_err(|_| unavailable(unreadable))?;
    let parts = &options.parts;
    if parts.host.is_some() || parts.port.is_some() {
        config = with_place(&config, parts.host.as_deref(), parts.port);
    }
    if let Some(user) = &parts.user {
        config.user(user);
    }
    if let Some(password) = &parts.password {
        config.password(password);
    }
    if let Some(database) = &parts.database {
        config.dbname(database);
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(unavailable("the address names no host"));
    }
    if config.get_application_name().is_none() {
        config.application_name("artana");
    }
    let session = session(options, config.get_options());
    config.options(session);
    config.connect_timeout(options.connect_timeout);
    // A server that vanished is noticed although nobody sends anything.
    config.keepalives(true).keepalives_idle(KEEPALIVE).keepalives_interval(PROBE).keepalives_retries(PROBES);
    config.tcp_user_timeout(options.statement_timeout.saturating_add(Duration::from_secs(30)));
    // Of several hosts, the one that takes writes: after a failover the old one is passed over.
    let target = if options.read_only { TargetSessionAttrs::Any } else { TargetSessionAttrs::ReadWrite };
    config.target_session_attrs(target);
    Ok(config)
}

/// Copies what an address says, with another host or port.
fn with_place(told: &Config, host: Option<&str>, port: Option<u16>) -> Config {
    let mut config = hosts::nowhere(told);
    if let Some(host) = host {
        config.host(host);
    } else {
        told.get_hosts().iter().for_each(|host| hosts::add(&mut config, host));
        told.get_hostaddrs().iter().for_each(|address| {
            config.hostaddr(*address);
        });
    }
    if let Some(port) = port {
        config.port(port);
    } else {
        let servers = config.get_hosts().len().max(config.get_hostaddrs().len());
        told.get_ports().iter().take(servers).for_each(|port| {
            config.port(*port);
        });
    }
    config
}

/// What the server is told of a session when it begins. Names are qualified everywhere, so that no other schema's
/// functions can stand in for the server's. Statements are planned once for each connection: what they ask for is found
/// by the same index whatever the parameters are, and planning costs more than finding. A machine that vanishes between
/// the message that executes an append and the one that ends it leaves a transaction open in which the server's own
/// timeouts do not run; its probes end it.
fn session(options: &PostgresOptions, told: Option<&str>) -> String {
    let mut session = format!(
        "{} -c search_path=pg_catalog -c default_transaction_isolation=read\\ committed \
         -c plan_cache_mode=force_generic_plan \
         -c tcp_keepalives_idle={} -c tcp_keepalives_interval={} -c tcp_keepalives_count={PROBES} \
         -c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={}",
        told.unwrap_or_default(),
        KEEPALIVE.as_secs(),
        PROBE.as_secs(),
        millis(options.statement_timeout),
        millis(options.lock_timeout),
        millis(options.idle_in_transaction_timeout),
    );
    if options.read_only {
        session.push_str(" -c default_transaction_read_only=on");
    }
    session
}

/// How the server is told of a limit: none at all would be 0.
pub(crate) fn millis(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX).max(1)
}

/// Names the place of a store without any secret.
pub(crate) fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => config.get_hostaddrs().first().map_or_else(String::new, ToString::to_string),
    };
    let port = config.get_ports().first().map_or_else(String::new, |port| format!(":{port}"));
    format!("postgres://{host}{port}/{}", config.get_dbname().or(config.get_user()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(options: &PostgresOptions) -> Config {
        config(options).expect("an address")
    }

    #[test]
    fn parts_replace_those_of_the_address() {
        let options = PostgresOptions::default().address("postgres://a:secret@one:1/x");
        assert_eq!(place(&told(&options)), "postgres://one:1/x");
        let options = options.host("two").port(2).user("b").database("y");
        let config = told(&options);
        assert_eq!(place(&config), "postgres://two:2/y");
        assert_eq!((config.get_user(), config.get_password()), (Some("b"), Some(&b"secret"[..])));
        let parts = PostgresOptions::default().host("/run/postgresql").user("b");
        assert_eq!(place(&told(&parts)), "postgres:///run/postgresql/b");
    }

    #[test]
    fn no_place_and_no_error_repeats_a_password() {
        let options = PostgresOptions::default().address("postgres://a:secret@one/x");
        assert!(!place(&told(&options)).contains("secret"));
        assert!(!format!("{options:?}").contains("secret"));
        for address in ["", "postgres://a:secret@one:port/x", "sqlite://secret"] {
            let error = config(&PostgresOptions::default().address(address)).expect_err("no address");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn either_side_notices_within_a_minute_that_the_other_vanished() {
        let config = told(&PostgresOptions::default().address("host=one"));
        assert_eq!(config.get_keepalives_idle() + PROBE * PROBES, Duration::from_secs(60));
        assert_eq!((config.get_keepalives_interval(), config.get_keepalives_retries()), (Some(PROBE), Some(PROBES)));
        let session = config.get_options().expect("options");
        for probe in ["tcp_keepalives_idle=30", "tcp_keepalives_interval=10", "tcp_keepalives_count=3"] {
            assert!(session.contains(&format!("-c {probe} ")), "{session}");
        }
    }

    #[test]
    fn what_the_address_says_of_the_session_stays() {
        let options = PostgresOptions::default().address("host=one options='-c work_mem=1MB'").read_only(true);
        let session = told(&options).get_options().expect("options").to_owned();
        assert!(session.starts_with("-c work_mem=1MB -c search_path=pg_catalog"), "{session}");
        assert!(session.ends_with("-c default_transaction_read_only=on"), "{session}");
    }
}
