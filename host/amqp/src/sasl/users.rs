//! The users of a server, and what stands in for one that is unknown.

use std::borrow::Cow;
use std::collections::HashMap;

use subtle::ConstantTimeEq;

use super::hash::Hash;
use super::prepare;
use super::salted::{ITERATIONS_DEFAULT, SALT_BYTES, Salted, SaltedFault};

/// A user's password as the configuration gives it.
#[derive(Clone)]
pub enum Password {
    /// The password itself.
    Plain(String),
    /// Its salted form.
    Salted(Box<Salted>),
}

impl Password {
    /// Tells the salted form from a plain password.
    ///
    /// # Errors
    ///
    /// [`SaltedFault`] when the text begins like the salted form and is not.
    pub fn read(text: &str) -> Result<Self, SaltedFault> {
        match Salted::read(text) {
            Some(salted) => Ok(Self::Salted(Box::new(salted?))),
            None => Ok(Self::Plain(text.to_owned())),
        }
    }
}

/// Everyone who may come in. Nothing that it does tells an unknown user from a wrong password: not the messages, and not
/// the time that they take.
pub struct Users {
    secret: [u8; 32],
    records: HashMap<String, Record>,
    /// Iterations and salt length of each record: unknown users look like one of them.
    shapes: Vec<(u32, usize)>,
    /// Every password was plain: PLAIN compares prints. Otherwise it derives, for all alike.
    is_plain: bool,
}

struct Record {
    name: String,
    salted: Salted,
    print: Vec<u8>,
}

/// A user that was looked up.
pub(super) struct Found<'u> {
    /// As the configuration writes it; `None`: unknown.
    pub(super) name: Option<&'u str>,
    pub(super) salted: Cow<'u, Salted>,
}

impl Users {
    /// Derives what plain passwords lack: some milliseconds of CPU for each. `secret`: random bytes of this process, from which
    /// their salts and everything about unknown users follows.
    #[must_use]
    pub fn new(secret: [u8; 32], passwords: impl IntoIterator<Item = (String, Password)>) -> Self {
        let mut users = Self { secret, records: HashMap::new(), shapes: Vec::new(), is_plain: true };
        for (name, password) in passwords {
            let key = prepare(&name).into_owned();
            let (salted, print) = match password {
                Password::Plain(text) => {
                    let salt = users.salt(&key, SALT_BYTES);
                    (Salted::derive(&text, &salt, ITERATIONS_DEFAULT), users.print(&text))
                }
                Password::Salted(salted) => {
                    users.is_plain = false;
                    (*salted, Vec::new())
                }
            };
            users.shapes.push((salted.iterations, salted.salt.len()));
            users.records.insert(key, Record { name, salted, print });
        }
        users
    }

    /// The user of this name and password, as the configuration writes the name.
    #[must_use]
    pub fn verify(&self, name: &str, password: &str) -> Option<&str> {
        let name = prepare(name);
        let made_up = self.made_up(&name);
        let record = self.records.get(&*name);
        let right = if self.is_plain {
            let unknown = &made_up.keys(Hash::Sha256).stored;
            self.print(password).ct_eq(record.map_or(unknown, |record| &record.print)).into()
        } else {
            record.map_or(&made_up, |record| &record.salted).is(password)
        };
        record.filter(|_| right).map(|record| record.name.as_str())
    }

    /// Looks a user up, and makes one up where there is none.
    pub(super) fn find(&self, name: &str) -> Found<'_> {
        let name = prepare(name);
        let made_up = self.made_up(&name);
        match self.records.get(&*name) {
            Some(record) => Found { name: Some(&record.name), salted: Cow::Borrowed(&record.salted) },
            None => Found { name: None, salted: Cow::Owned(made_up) },
        }
    }

    /// What an unknown user has: always the same for the same name, and like that of a known one.
    fn made_up(&self, name: &str) -> Salted {
        let choice =
            self.random(Hash::Sha256, "shape", name).first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let count = u64::try_from(self.shapes.len()).unwrap_or(u64::MAX);
        let at = choice.checked_rem(count).and_then(|at| usize::try_from(at).ok());
        let shape = at.and_then(|at| self.shapes.get(at));
        let (iterations, salt_bytes) = shape.copied().unwrap_or((ITERATIONS_DEFAULT, SALT_BYTES));
        Salted::made_up(self.salt(name, salt_bytes), iterations, |hash, label| self.random(hash, label, name))
    }

    fn salt(&self, name: &str, bytes: usize) -> Vec<u8> {
        let mut salt = self.random(Hash::Sha512, "salt", name);
        salt.truncate(bytes);
        salt
    }

    fn print(&self, password: &str) -> Vec<u8> {
        self.random(Hash::Sha256, "password", &prepare(password))
    }

    fn random(&self, hash: Hash, label: &str, text: &str) -> Vec<u8> {
        hash.mac(&self.secret, format!("{label}\0{text}").as_bytes())
    }
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Users").field("count", &self.shapes.len()).finish_non_exhaustive()
    }
}
