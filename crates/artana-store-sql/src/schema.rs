//! Numbered migrations: which are due, and who may do what with which schema. It applies none.

use artana_ports::StoreError;

/// A numbered file of statements. The first makes schema 1 of nothing, each other one the next schema of the last. One
/// that was released never changes.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The name of the file, which begins with its number.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

/// What stands in the place of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "either there is a store or there is nothing")]
pub enum Identity {
    /// Nothing yet: new, or its creation was cut short.
    Blank,
    /// A store of this schema.
    Store(u32),
}

impl Identity {
    /// Returns the schema; 0 where there is nothing.
    #[must_use]
    pub const fn schema(self) -> u32 {
        match self {
            Self::Blank => 0,
            Self::Store(schema) => schema,
        }
    }
}

/// What a migration did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migrated {
    /// The schema that was found; 0 where there was nothing.
    pub from: u32,
    /// The schema there is now, or would be.
    pub to: u32,
    /// The names of the migrations, in order; none where the store is up to date.
    pub migrations: Vec<&'static str>,
}

/// All migrations of a kind of store, in order.
#[derive(Debug, Clone, Copy)]
pub struct Migrations(pub &'static [Migration]);

impl Migrations {
    /// Returns the newest schema there is a migration to, which is the one this version writes.
    #[must_use]
    pub const fn known(self) -> u32 {
        self.0.len() as u32
    }

    /// Returns the migrations that are due, each with the schema it leads to.
    pub fn after(self, schema: u32) -> impl Iterator<Item = (u32, Migration)> {
        (1..).zip(self.0.iter().copied()).skip(schema as usize)
    }

    /// Says what migrating what was found would do.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooNew`].
    pub fn plan(self, found: Identity) -> Result<Migrated, StoreError> {
        let from = found.schema();
        self.refuse_newer(from)?;
        let migrations = self.after(from).map(|(_, migration)| migration.name).collect();
        Ok(Migrated { from, to: self.known(), migrations })
    }

    /// Refuses to write to a schema that a newer version made.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooNew`].
    pub fn refuse_newer(self, found: u32) -> Result<(), StoreError> {
        if found > self.known() { Err(StoreError::TooNew { found, known: self.known() }) } else { Ok(()) }
    }

    /// Refuses a schema that has to be migrated before this version can use it.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooOld`].
    pub fn refuse_older(self, found: u32) -> Result<(), StoreError> {
        if found < self.known() { Err(StoreError::TooOld { found, known: self.known() }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: Migrations = Migrations(&[
        Migration { name: "0001_a", sql: "" },
        Migration { name: "0002_b", sql: "" },
        Migration { name: "0003_c", sql: "" },
    ]);

    #[test]
    fn what_is_due_comes_after_what_was_found() {
        for (found, due) in [
            (Identity::Blank, &["0001_a", "0002_b", "0003_c"][..]),
            (Identity::Store(1), &["0002_b", "0003_c"]),
            (Identity::Store(3), &[]),
        ] {
            let planned = THREE.plan(found).expect("a plan");
            assert_eq!((planned.from, planned.to), (found.schema(), 3));
            assert_eq!(planned.migrations, due);
        }
        let numbers: Vec<_> = THREE.after(1).map(|(to, migration)| (to, migration.name)).collect();
        assert_eq!(numbers, [(2, "0002_b"), (3, "0003_c")]);
    }

    #[test]
    fn a_newer_schema_is_migrated_by_nobody() {
        assert!(matches!(THREE.plan(Identity::Store(4)), Err(StoreError::TooNew { found: 4, known: 3 })));
        assert!(matches!(THREE.refuse_older(2), Err(StoreError::TooOld { found: 2, known: 3 })));
        assert!(THREE.refuse_older(4).is_ok() && THREE.refuse_newer(3).is_ok());
    }
}
