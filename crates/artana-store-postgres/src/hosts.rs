//! Reaches one of the servers that an address names. Each is waited for on its own, however it is silent: one that
//! takes a connection and then says nothing does not keep anybody from the next.

use std::{
    future::{Future, pending},
    hash::{BuildHasher, Hasher, RandomState},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use artana_ports::StoreError;
use deadpool_postgres::Connect;
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{
    Client, Config, Connection, Error, NoTls, Socket,
    config::{Host, LoadBalanceHosts},
    tls::MakeTlsConnect,
};

use crate::{
    PostgresOptions,
    error::unavailable,
    tls::{self, Tls},
};

/// The servers of one address, in its order.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    each: Arc<[Config]>,
    patience: Duration,
    order: LoadBalanceHosts,
}

/// Why no server was reached: what the last one that said anything said, or nothing.
#[derive(Debug)]
pub(crate) struct Unreached(Option<Error>);

impl Hosts {
    /// Takes an address apart. Each of its servers is waited for so long.
    pub(crate) fn of(config: &Config, patience: Duration) -> Result<Self, StoreError> {
        let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
        let servers = hosts.len().max(addresses.len());
        let fits = |parts: usize| parts == 0 || parts == servers;
        if !fits(hosts.len()) || !fits(addresses.len()) || !(ports.len() == 1 || fits(ports.len())) {
            return Err(unavailable("the address names more hosts than ports, or the other way round"));
        }
        let one = |at: usize| {
            let mut one = nowhere(config);
            if let Some(host) = hosts.get(at) {
                add(&mut one, host);
            }
            addresses.get(at).map(|address| one.hostaddr(*address));
            ports.get(at).or(ports.first()).map(|port| one.port(*port));
            one
        };
        let each = (0..servers).map(one).collect();
        Ok(Self { each, patience, order: config.get_load_balance_hosts() })
    }

    /// How long it takes at most until one is reached, or none is.
    pub(crate) fn patience(&self) -> Duration {
        self.patience.saturating_mul(u32::try_from(self.each.len()).unwrap_or(u32::MAX))
    }

    /// Connects to the first server that lets this program in, and is what the address asks for.
    pub(crate) async fn reach<T>(&self, tls: &T) -> Result<(Client, Connection<Socket, T::Stream>), Unreached>
    where
        T: MakeTlsConnect<Socket> + Clone,
    {
        let (before, first) = self.each.split_at(self.first());
        let mut told = None;
        for config in first.iter().chain(before) {
            match timeout(self.patience, config.connect(tls.clone())).await {
                Ok(Ok(reached)) => return Ok(reached),
                Ok(Err(error)) => told = Some(error),
                Err(_) => {}
            }
        }
        Err(Unreached(told))
    }

    /// Says which server is tried first.
    fn first(&self) -> usize {
        match self.order {
            LoadBalanceHosts::Random => RandomState::new().build_hasher().finish() as usize % self.each.len(),
            _ => 0,
        }
    }
}

/// Copies what an address says of everything but its hosts and ports. The driver adds those, and takes none away.
pub(crate) fn nowhere(told: &Config) -> Config {
    let mut config = Config::new();
    told.get_user().map(|user| config.user(user));
    told.get_password().map(|password| config.password(password));
    told.get_dbname().map(|name| config.dbname(name));
    told.get_options().map(|options| config.options(options));
    told.get_application_name().map(|name| config.application_name(name));
    told.get_connect_timeout().map(|timeout| config.connect_timeout(*timeout));
    told.get_tcp_user_timeout().map(|timeout| config.tcp_user_timeout(*timeout));
    told.get_keepalives_interval().map(|interval| config.keepalives_interval(interval));
    told.get_keepalives_retries().map(|retries| config.keepalives_retries(retries));
    config.keepalives(told.get_keepalives()).keepalives_idle(told.get_keepalives_idle());
    config.ssl_mode(told.get_ssl_mode()).ssl_negotiation(told.get_ssl_negotiation());
    config.channel_binding(told.get_channel_binding());
    config.target_session_attrs(told.get_target_session_attrs());
    config.load_balance_hosts(told.get_load_balance_hosts());
    config
}

pub(crate) fn add(config: &mut Config, host: &Host) {
    match host {
        Host::Tcp(name) => config.host(name),
        Host::Unix(folder) => config.host_path(folder),
    };
}

/// How the pool makes a connection.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    pub(crate) hosts: Hosts,
    pub(crate) tls: Tls,
}

impl Reach {
    /// Says how, without connecting.
    pub(crate) fn of(config: &Config, options: &PostgresOptions) -> Result<Self, StoreError> {
        Ok(Self { hosts: Hosts::of(config, options.connect_timeout)?, tls: tls::of(options, config)? })
    }

    async fn reach<T>(&self, tls: &T) -> Result<(Client, JoinHandle<()>), Error>
    where
        T: MakeTlsConnect<Socket> + Clone,
        T::Stream: Send + 'static,
    {
        match self.hosts.reach(tls).await {
            Ok((client, connection)) => Ok((client, tokio::spawn(async { drop(connection.await) }))),
            Err(Unreached(Some(error))) => Err(error),
            // All were silent. The pool waits for that long, and tells of it.
            Err(Unreached(None)) => pending().await,
        }
    }
}

impl Connect for Reach {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        match &self.tls {
            Tls::Off => Box::pin(self.reach(&NoTls)),
            #[cfg(feature = "tls")]
            Tls::On(tls) => Box::pin(self.reach(tls)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(address: &str) -> Result<Hosts, StoreError> {
        Hosts::of(&address.parse().expect("an address"), Duration::from_secs(1))
    }

    #[test]
    fn an_address_is_taken_apart() {
        let each = |address: &str| {
            let hosts = hosts(address).expect("hosts");
            let one = |one: &Config| format!("{:?} {:?} {:?}", one.get_hosts(), one.get_hostaddrs(), one.get_ports());
            (hosts.each.iter().map(one).collect::<Vec<_>>().join("; "), hosts.patience().as_secs())
        };
        let told = |text: &str, patience| (text.to_owned(), patience);
        let two = r#"[Tcp("a")] [] [1]; [Tcp("b")] [] [2]"#;
        assert_eq!(each("postgres://a:1,b:2/x"), told(two, 2));
        assert_eq!(each("host=a,/b port=3"), told(r#"[Tcp("a")] [] [3]; [Unix("/b")] [] [3]"#, 2));
        assert_eq!(each("host=a hostaddr=127.0.0.1"), told(r#"[Tcp("a")] [127.0.0.1] []"#, 1));
        assert_eq!(each("hostaddr=127.0.0.1,127.0.0.2"), told("[] [127.0.0.1] []; [] [127.0.0.2] []", 2));
        for address in ["host=a,b port=1,2,3", "host=a,b hostaddr=127.0.0.1"] {
            assert!(matches!(hosts(address), Err(StoreError::Unavailable { .. })), "{address}");
        }
    }

    #[test]
    fn everything_but_the_place_is_copied() {
        let address = "user=u password=p dbname=d options=-cx=1 application_name=n sslmode=require \
                       connect_timeout=3 tcp_user_timeout=4 keepalives=0 keepalives_idle=5 keepalives_interval=6 \
                       keepalives_retries=7 target_session_attrs=read-write channel_binding=require \
                       load_balance_hosts=random";
        let told: Config = address.parse().expect("an address");
        let with_a_host: Config = format!("{address} host=h port=8").parse().expect("an address");
        assert!(nowhere(&with_a_host) == told);
    }
}
