//! Both roles of SCRAM: against the vectors of the specification, against each other, and against noise.

use proptest::prelude::*;

use super::*;

/// The user and password of RFC 7677, section 3.
const CREDENTIALS: (&str, &str) = ("user", "pencil");
const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const WITHOUT_PROOF: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

/// Proof and server signature. For SHA-256 those of RFC 7677; for SHA-512, of which no RFC has any, those that Python's hashlib gives.
const VECTORS: [(Hash, &str, &str); 2] = [
    (Hash::Sha256, "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
    (
        Hash::Sha512,
        "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
        "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==",
    ),
];

/// The password of the vectors, salted by Python's hashlib.
const SALTED: &str = "scram:4096:W22ZaJ0SNY7soEsUEjb6gQ==:WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=:\
6AAub3065EYRmyFpM2RNwqK+eGnrkYuEWbXn19LsEmBqzu8QaCXNc1FwpnX9NhH2hK/60dzj9DoO5DvVkOHbvg==:\
jZHbYjC1aHh0/hKbxyBuGFjDrgjgKTT1esA7awWiKcRZ0o/0b1yWEebBeSVkkCFewf91nLDfKF24mvD5nmE6rA==";

fn users(passwords: &[(&str, &str)]) -> Users {
    let read = |(name, text): &(&str, &str)| ((*name).to_owned(), Password::read(text).unwrap());
    Users::new([7; 32], passwords.iter().map(read))
}

/// A whole exchange; gives whom the server let in, or why not, and then what the client makes of the server.
fn exchange(users: &Users, hash: Hash, credentials: (&str, &str)) -> Result<String, &'static str> {
    let (client, first) = ClientExchange::start(hash, credentials, Nonce([1; 18]));
    let (server, challenge) = ServerExchange::start(users, hash, Nonce([2; 18]), &first).unwrap();
    let (proof, last) = client.answer(&challenge).unwrap();
    let (user, outcome) = server.finish(&last)?;
    proof.verify(&outcome)?;
    Ok(user)
}

#[test]
fn the_client_says_what_the_vectors_say() {
    for (hash, proof, signature) in VECTORS {
        let (client, first) = ClientExchange::start_as(hash, CREDENTIALS, CLIENT_NONCE.to_owned());
        assert_eq!(first, CLIENT_FIRST.as_bytes());
        let (expected, last) = client.answer(SERVER_FIRST.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(last).unwrap(), format!("{WITHOUT_PROOF},p={proof}"));
        assert_eq!(expected.verify(signature.as_bytes()), Ok(()));
        assert!(expected.verify(signature.replace("v=", "v=A").as_bytes()).is_err());
        assert!(expected.verify(b"").is_err() && expected.verify(b"v=").is_err() && expected.verify(b"e=x").is_err());
    }
}

#[test]
fn the_server_says_what_the_vectors_say() {
    let users = users(&[("user", SALTED)]);
    for (hash, proof, signature) in VECTORS {
        let started = ServerExchange::start_as(&users, hash, SERVER_NONCE, CLIENT_FIRST.as_bytes());
        let (server, challenge) = started.unwrap();
        assert_eq!(challenge, SERVER_FIRST.as_bytes());
        let (user, outcome) = server.finish(format!("{WITHOUT_PROOF},p={proof}").as_bytes()).unwrap();
        assert_eq!((user.as_str(), outcome.as_slice()), ("user", signature.as_bytes()));
    }
}

#[test]
fn what_is_derived_is_what_another_implementation_derives() {
    let Some(Ok(read)) = Salted::read(SALTED) else { panic!("{SALTED}") };
    assert_eq!(Salted::derive("pencil", &read.salt, 4096).to_string(), SALTED);
    assert!(read.is("pencil") && !read.is("pencils") && !read.is(""));
}

#[test]
fn a_damaged_salted_form_says_what_is_wrong() {
    let fields: Vec<&str> = SALTED.split(':').collect();
    let with = |at: usize, text: &str| {
        let mut changed = fields.clone();
        changed[at] = text;
        Salted::read(&changed.join(":")).unwrap().unwrap_err()
    };
    for count in ["4095", "1000001", "", "many"] {
        assert_eq!(with(1, count), SaltedFault::Iterations);
    }
    for at in 2..7 {
        for text in ["", "*", "AAAA*", fields[3].get(1..).unwrap()] {
            assert!(matches!(with(at, text), SaltedFault::Bytes(_)), "{at} {text}");
        }
    }
    assert_eq!(Salted::read("scram:").unwrap(), Err(SaltedFault::Fields(2)));
    assert_eq!(Salted::read(&format!("{SALTED}:")).unwrap(), Err(SaltedFault::Fields(8)));
    assert!(Salted::read("secret").is_none());
}

#[test]
fn both_roles_agree_on_both_hashes_and_both_forms() {
    let salted = Salted::derive("two", b"salt", 5000).to_string();
    let users = users(&[("alice", "one"), ("bob", &salted), ("a,b=c", "three")]);
    for hash in [Hash::Sha256, Hash::Sha512] {
        for credentials in [("alice", "one"), ("bob", "two"), ("a,b=c", "three")] {
            assert_eq!(exchange(&users, hash, credentials).as_deref(), Ok(credentials.0));
        }
        for credentials in [("alice", "two"), ("bob", "one"), ("eve", "one"), ("alice", "")] {
            assert!(exchange(&users, hash, credentials).is_err(), "{credentials:?}");
        }
    }
}

/// Examples of RFC 4013, section 3: a soft hyphen goes, a compatibility form becomes what it stands for.
#[test]
fn names_and_passwords_are_compared_after_saslprep() {
    let users = users(&[("I\u{ad}X", "\u{2168}")]);
    assert_eq!(exchange(&users, Hash::Sha256, ("\u{2168}", "IX")).as_deref(), Ok("I\u{ad}X"));
    assert_eq!(users.verify("IX", "I\u{ad}X"), Some("I\u{ad}X"));
    assert_eq!(users.verify("ix", "IX"), None);
}

#[test]
fn plain_finds_name_and_password_together() {
    let salted = Salted::derive("two", b"salt", 4096).to_string();
    for users in [users(&[("alice", "one"), ("bob", "two")]), users(&[("alice", "one"), ("bob", &salted)])] {
        assert_eq!((users.verify("alice", "one"), users.verify("bob", "two")), (Some("alice"), Some("bob")));
        for (name, password) in [("bob", "one"), ("eve", "two"), ("bob", "tw"), ("bob", ""), ("", "one")] {
            assert_eq!(users.verify(name, password), None, "{name} {password}");
        }
    }
    assert_eq!(users(&[]).verify("alice", "one"), None);
}

#[test]
fn an_unknown_user_looks_like_a_known_one_until_the_end() {
    let salted = Salted::derive("two", &[9; 24], 5000).to_string();
    let users = users(&[("bob", &salted)]);
    let challenge = |name: &str| {
        let first = format!("n,,n={name},r=x");
        ServerExchange::start(&users, Hash::Sha256, Nonce([2; 18]), first.as_bytes()).unwrap().1
    };
    let (known, unknown) = (challenge("bob"), challenge("eve"));
    assert_eq!(unknown, challenge("eve"), "its salt is stable");
    assert_ne!(unknown, challenge("mallory"), "its salt is its own");
    assert_eq!(known.len(), unknown.len());
    assert!(unknown.ends_with(b",i=5000"));
    let other = Users::new([8; 32], [("bob".to_owned(), Password::read(&salted).unwrap())]);
    let first = ServerExchange::start(&other, Hash::Sha256, Nonce([2; 18]), b"n,,n=eve,r=x").unwrap().1;
    assert_ne!(first, unknown, "its salt follows from the secret");
}

#[test]
fn a_proof_for_another_exchange_is_refused() {
    let users = users(&[("user", SALTED)]);
    let finish = |first: &str, last: &str| {
        let (server, _) = ServerExchange::start_as(&users, Hash::Sha256, SERVER_NONCE, first.as_bytes()).unwrap();
        server.finish(last.as_bytes()).map(|(user, _)| user)
    };
    let proof = VECTORS[0].1;
    let right = format!("{WITHOUT_PROOF},p={proof}");
    assert!(finish(CLIENT_FIRST, &right).is_ok());
    for (first, last) in [
        ("y,,n=user,r=rOprNGfwEbeRWgbNEkqO", right.clone()),
        ("n,,n=user,r=other", right.clone()),
        ("n,,n=user,r=rOprNGfwEbeRWgbNEkqO,x=1", right.clone()),
        (CLIENT_FIRST, right.replace("c=biws", "c=eSws")),
        (CLIENT_FIRST, right.replace("k0,", "k1,")),
        (CLIENT_FIRST, right.replace(",p=d", ",p=e")),
        (CLIENT_FIRST, format!("{WITHOUT_PROOF},p=")),
        (CLIENT_FIRST, format!("{WITHOUT_PROOF},p={proof}{proof}")),
        (CLIENT_FIRST, WITHOUT_PROOF.to_owned()),
        (CLIENT_FIRST, String::new()),
    ] {
        assert!(finish(first, &last).is_err(), "{first} {last}");
    }
}

#[test]
fn a_server_that_changes_the_nonce_is_refused() {
    for nonce in ["", CLIENT_NONCE, "x", "rOprNGfwEbeRWgbNEkqP%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"] {
        let (client, _) = ClientExchange::start_as(Hash::Sha256, CREDENTIALS, CLIENT_NONCE.to_owned());
        assert!(client.answer(format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096").as_bytes()).is_err(), "{nonce}");
    }
}

/// Bytes as they are, and bytes that look more like a message.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let letters = prop::collection::vec(prop::sample::select(b"nyrpcsaivme=,=2C3D0419A/+\0\xff ".to_vec()), 0..80);
    let edited = (prop::sample::select(vec![CLIENT_FIRST, SERVER_FIRST, WITHOUT_PROOF]), any::<(usize, u8)>());
    let edited = edited.prop_map(|(text, (at, byte))| {
        let mut bytes = text.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..300), letters, edited]
}

proptest! {
    #[test]
    fn no_bytes_get_in_or_cause_a_panic(first in noise(), last in noise()) {
        let users = users(&[("user", SALTED)]);
        if let Ok((server, _)) = ServerExchange::start(&users, Hash::Sha512, Nonce([3; 18]), &first) {
            prop_assert!(server.finish(&last).is_err());
        }
        let (server, _) = ServerExchange::start(&users, Hash::Sha256, Nonce([3; 18]), CLIENT_FIRST.as_bytes()).unwrap();
        prop_assert!(server.finish(&last).is_err());
        let _ = message::server_first(&first);
        let _ = message::server_final(&last);
        let _ = parse_plain(&first);
    }
}

proptest! {
    // each derives keys three times
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn every_name_and_password_reaches_the_server(name in "\\PC{1,12}", password in "\\PC{1,12}") {
        let salted = Salted::derive(&password, b"salt", 4096);
        let users = Users::new([1; 32], [(name.clone(), Password::Salted(Box::new(salted)))]);
        prop_assert_eq!(exchange(&users, Hash::Sha256, (&name, &password)), Ok(name));
    }
}
