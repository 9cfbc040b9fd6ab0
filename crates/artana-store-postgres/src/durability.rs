//! What an acknowledged append survives, judged by the server's settings. Asks nothing and changes no setting.

use artana_ports::StoreError;

/// What an acknowledged append has to survive. The server's settings decide it, and a store that asks for more than
/// they give is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// Whatever the server's settings make of it. Suits a server whose data may be lost.
    AsTheServer,
    /// A power cut: `fsync` and `full_page_writes` are on, and `synchronous_commit` is not off.
    #[default]
    PowerCut,
    /// The loss of the server, too: `synchronous_standby_names` names one, and `synchronous_commit` waits for its disk.
    Standby,
}

impl Durability {
    /// Says what an append survives.
    pub(crate) const fn against(self) -> &'static str {
        match self {
            Self::AsTheServer => "anything",
            Self::PowerCut => "a power cut",
            Self::Standby => "the loss of the server",
        }
    }
}

/// The settings of a session that decide it, as the server spells them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) synchronous_commit: String,
    pub(crate) fsync: String,
    pub(crate) full_page_writes: String,
    pub(crate) standbys: String,
}

impl Settings {
    /// Refuses settings that are weaker than what is asked for, and names them.
    pub(crate) fn grant(&self, asked: Durability) -> Result<(), StoreError> {
        let weak = self.weak(asked);
        if weak.is_empty() {
            return Ok(());
        }
        let found = weak.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ");
        Err(StoreError::TooWeak { asked: asked.against(), found })
    }

    /// Lists the settings that are weaker than what is asked for.
    pub(crate) fn weak(&self, asked: Durability) -> Vec<(&'static str, &str)> {
        let commit = ("synchronous_commit", self.synchronous_commit.as_str());
        let mut weak = Vec::new();
        if asked != Durability::AsTheServer {
            for (name, value) in [("fsync", &self.fsync), ("full_page_writes", &self.full_page_writes)] {
                weak.extend((value != "on").then_some((name, value.as_str())));
            }
            weak.extend((commit.1 == "off").then_some(commit));
        }
        if asked == Durability::Standby {
            weak.extend(["local", "remote_write"].contains(&commit.1).then_some(commit));
            weak.extend(self.standbys.is_empty().then_some(("synchronous_standby_names", "''")));
        }
        weak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_enough_for_what_they_are() {
        use Durability::{AsTheServer, PowerCut, Standby};
        for (commit, fsync, pages, standbys, enough, weak) in [
            ("on", "on", "on", "", PowerCut, "synchronous_standby_names=''"),
            ("remote_apply", "on", "on", "one", Standby, ""),
            ("on", "on", "on", "one", Standby, ""),
            ("local", "on", "on", "one", PowerCut, "synchronous_commit=local"),
            ("remote_write", "on", "on", "one", PowerCut, "synchronous_commit=remote_write"),
            ("off", "on", "on", "one", AsTheServer, "synchronous_commit=off"),
            ("on", "off", "off", "one", AsTheServer, "fsync=off, full_page_writes=off"),
            ("on", "on", "off", "", AsTheServer, "full_page_writes=off, synchronous_standby_names=''"),
        ] {
            let [synchronous_commit, fsync, full_page_writes, standbys] =
                [commit, fsync, pages, standbys].map(str::to_owned);
            let settings = Settings { synchronous_commit, fsync, full_page_writes, standbys };
            let granted = [AsTheServer, PowerCut, Standby].map(|asked| settings.grant(asked).is_ok());
            let expected = [true, enough != AsTheServer, enough == Standby];
            assert_eq!(granted, expected, "{settings:?}");
            let told = settings.grant(Standby).err().map_or(String::new(), |error| error.to_string());
            assert!(told.contains(weak), "{told}");
        }
    }
}
