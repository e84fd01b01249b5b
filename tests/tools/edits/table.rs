//! The edits, and what each of them promises. `edits.rs` prints the table of the documentation from here.

/// An edit of the flow.
pub(crate) struct Edit {
    /// What is edited: the group in the table.
    pub(crate) of: &'static str,
    /// The edit.
    pub(crate) what: &'static str,
    /// The name of its crate.
    pub(crate) name: &'static str,
    /// Pairs of old and new code; each old text occurs exactly once.
    pub(crate) code: &'static [(&'static str, &'static str)],
    /// Each state or component that does not stay unchanged, with its compatibility and, if it continues in another
    /// state, the name of that state.
    pub(crate) promises: &'static [(&'static str, &'static str)],
    /// What it means for waiting conversations, for the table.
    pub(crate) means: &'static str,
}

const TERMS: &str = "    if !Confirm::new(\"Do you accept the terms?\").await {
        return Err(\"terms\".to_owned());
    }
";
const LOOP: &str = "    let room = loop {";
const FLOW: &str = "#[flow]\npub async fn booking(";
const RECEIPT: &str = "    let receipt = pay(guest, room.price * dates.nights).await?;\n";
const TRIES: &str = "    let mut tries = 0_u32;\n";

pub(crate) const EDITS: &[Edit] = &[
    // ---- Awaits ---------------------------------------------------------------------------------------------------
    Edit {
        of: "an await",
        what: "add a question before all others",
        name: "add_first",
        code: &[(
            "    let dates = PickDates",
            "    if Prompt::new(\"Your code?\").await.is_empty() {\n        return Err(\"code\".to_owned());\n    }\n    let dates = PickDates",
        )],
        promises: &[],
        means: "nothing changes",
    },
    Edit {
        of: "an await",
        what: "add a question between two others, in a loop",
        name: "add_between",
        code: &[(
            "            break room;",
            "            let wish = Prompt::new(\"Any wish?\").await;\n            if wish.is_empty() {\n                break room;\n            }",
        )],
        promises: &[],
        means: "nothing changes",
    },
    Edit {
        of: "an await",
        what: "add a question after all others",
        name: "add_last",
        code: &[("    Ok(receipt)", "    let stars = Prompt::new(\"How was it?\").await;\n    Ok(receipt + &stars)")],
        promises: &[],
        means: "nothing changes",
    },
    Edit {
        of: "an await",
        what: "add one with the same name as others, before them",
        name: "add_same_name_first",
        code: &[(
            "    let dates = PickDates",
            "    if !Confirm::new(\"Are you sixteen?\").await {\n        return Err(\"young\".to_owned());\n    }\n    let dates = PickDates",
        )],
        promises: &[("booking.Confirm", "additive Confirm2"), ("booking.Confirm2", "additive Confirm3")],
        means: "found by their texts",
    },
    Edit {
        of: "an await",
        what: "add one with the same name as others, between them",
        name: "add_same_name_between",
        code: &[(
            TERMS,
            "    if !Confirm::new(\"Breakfast?\").await {
        return Err(\"hungry\".to_owned());
    }
    if !Confirm::new(\"Do you accept the terms?\").await {
        return Err(\"terms\".to_owned());
    }
",
        )],
        promises: &[("booking.Confirm2", "additive Confirm3")],
        means: "found by their texts",
    },
    Edit {
        of: "an await",
        what: "put one into a condition",
        name: "wrap",
        code: &[("    if !Confirm::new(\"Do you", "    if tries < 2 && !Confirm::new(\"Do you")],
        promises: &[],
        means: "nothing changes",
    },
    Edit {
        of: "an await",
        what: "remove one",
        name: "remove",
        code: &[(TERMS, "")],
        promises: &[("booking.Confirm2", "breaking")],
        means: "write a migration for conversations that wait there",
    },
    Edit {
        of: "an await",
        what: "remove one of several that share a name, the first",
        name: "remove_first_of_name",
        code: &[(
            "        if Confirm::new(format!(\"{} for {guest}?\", room.name)).await {\n            break room;\n        }\n",
            "        if room.price > 0 {\n            break room;\n        }\n",
        )],
        promises: &[("booking.Confirm", "breaking"), ("booking.Confirm2", "additive Confirm")],
        means: "write a migration for the removed one; the other is found",
    },
    Edit {
        of: "an await",
        what: "remove one, and end the conversations that wait there",
        name: "remove_and_retire",
        code: &[
            (TERMS, ""),
            (
                FLOW,
                "#[derive(Deserialize)]\nenum Before {\n    Confirm2 {},\n}\n\n#[flow]\n#[migrate(|before: Before| match before {\n    Before::Confirm2 {} => retire(Err(\"closed\".to_owned())),\n})]\npub async fn booking(",
            ),
        ],
        promises: &[("booking.Confirm2", "migrated ends")],
        means: "`#[migrate]` with `retire`",
    },
    Edit {
        of: "an await",
        what: "remove one, and continue elsewhere",
        name: "remove_and_migrate",
        code: &[
            (TERMS, ""),
            (
                FLOW,
                "#[derive(Deserialize)]\nenum Before {\n    Confirm2 { guest: String, dates: Dates },\n}\n\n#[flow]\n#[migrate(|before: Before| match before {\n    Before::Confirm2 { guest, .. } => hand_to(late(guest)),\n})]\npub async fn booking(",
            ),
            (
                "#[flow]\npub async fn pay",
                "#[flow]\npub async fn late(guest: String) -> Result<String, String> {\n    Ok(Prompt::new(format!(\"{guest}, call us\")).await)\n}\n\n#[flow]\npub async fn pay",
            ),
        ],
        promises: &[("booking.Confirm2", "migrated Prompt")],
        means: "`#[migrate]` with `hand_to`",
    },
    Edit {
        of: "an await",
        what: "swap two that share a name",
        name: "reorder",
        code: &[
            (TERMS, ""),
            (
                LOOP,
                "    if !Confirm::new(\"Do you accept the terms?\").await {\n        return Err(\"terms\".to_owned());\n    }\n    let room = loop {",
            ),
        ],
        promises: &[("booking.Confirm", "additive Confirm2"), ("booking.Confirm2", "breaking")],
        means: "found by their texts; one of them needs a new local, so write a migration",
    },
    Edit {
        of: "an await",
        what: "reword one question",
        name: "reword_one",
        code: &[("Do you accept the terms?", "Do you accept our terms?")],
        promises: &[("booking.Confirm2", "additive")],
        means: "the change is listed",
    },
    Edit {
        of: "an await",
        what: "reword several that share a name",
        name: "reword_all",
        code: &[("Do you accept the terms?", "Our terms?"), ("\"{} for {guest}?\"", "\"{}, {guest}?\"")],
        promises: &[("booking.Confirm", "breaking"), ("booking.Confirm2", "breaking")],
        means: "ambiguous; name them with `#[at(\"..\")]`",
    },
    Edit {
        of: "an await",
        what: "reword several that share a name, and name them as before",
        name: "reword_all_named",
        code: &[
            (
                "    if !Confirm::new(\"Do you accept the terms?\")",
                "    #[at(\"Confirm2\")]\n    if !Confirm::new(\"Our terms?\")",
            ),
            (
                "        if Confirm::new(format!(\"{} for {guest}?\"",
                "        #[at(\"Confirm\")]\n        if Confirm::new(format!(\"{}, {guest}?\"",
            ),
        ],
        promises: &[],
        means: "`#[at(\"..\")]`",
    },
    Edit {
        of: "an await",
        what: "name one",
        name: "name",
        code: &[("    if !Confirm::new(\"Do", "    #[at(\"Terms\")]\n    if !Confirm::new(\"Do")],
        promises: &[("booking.Confirm2", "breaking")],
        means: "write a migration for conversations that wait there",
    },
    Edit {
        of: "an await",
        what: "name one, and declare its old name",
        name: "name_was",
        code: &[("    if !Confirm::new(\"Do", "    #[at(\"Terms\", was = \"Confirm2\")]\n    if !Confirm::new(\"Do")],
        promises: &[("booking.Confirm2", "additive Terms")],
        means: "`#[at(\"..\", was = \"..\")]`",
    },
    Edit {
        of: "an await",
        what: "ask with another component that has the same answer type",
        name: "other_component",
        code: &[
            ("let dates = PickDates { guest: guest.clone() }", "let dates = PickDays { guest: guest.clone() }"),
            (
                FLOW,
                "#[derive(Debug, Serialize, Deserialize)]\npub struct PickDays {\n    guest: String,\n}\n\n#[component]\nimpl Component for PickDays {\n    type Answer = Dates;\n}\n\n#[flow]\npub async fn booking(",
            ),
        ],
        promises: &[("booking.Dates", "additive")],
        means: "the change is listed; the old question is still answered",
    },
    Edit {
        of: "an await",
        what: "ask with one that has another answer type",
        name: "other_answer",
        code: &[(
            "let room = PickRoom { nights: dates.nights }.await;",
            "let room = Prompt::new(format!(\"{} nights\", dates.nights)).await;\n        let room = Room { name: room, price: 1 };",
        )],
        promises: &[("booking.Room", "breaking")],
        means: "write a migration for conversations that wait there",
    },
    // ---- Locals ---------------------------------------------------------------------------------------------------
    Edit {
        of: "a local",
        what: "add one that saved states need",
        name: "add_local",
        code: &[
            (TRIES, "    let mut tries = 0_u32;\n    let mut asked = 0_u8;\n"),
            ("        tries += 1;\n", "        tries += 1;\n        asked += 1;\n"),
            ("    Ok(receipt)", "    Ok(format!(\"{receipt} {asked}\"))"),
        ],
        promises: &[
            ("booking.Room", "breaking"),
            ("booking.Confirm", "breaking"),
            ("booking.Confirm2", "breaking"),
            ("booking.Receipt", "breaking"),
        ],
        means: "write a migration for conversations that wait there",
    },
    Edit {
        of: "a local",
        what: "add one with a default",
        name: "add_local_default",
        code: &[
            (TRIES, "    let mut tries = 0_u32;\n    #[default = 0]\n    let mut asked = 0_u8;\n"),
            ("        tries += 1;\n", "        tries += 1;\n        asked += 1;\n"),
            ("    Ok(receipt)", "    Ok(format!(\"{receipt} {asked}\"))"),
        ],
        promises: &[
            ("booking.Room", "additive"),
            ("booking.Confirm", "additive"),
            ("booking.Confirm2", "additive"),
            ("booking.Receipt", "additive"),
        ],
        means: "`#[default = ..]`",
    },
    Edit {
        of: "a local",
        what: "add an `Option`",
        name: "add_local_option",
        code: &[
            (TRIES, "    let mut tries = 0_u32;\n    let mut last: Option<String> = None;\n"),
            ("        tries += 1;\n", "        tries += 1;\n        last = Some(room.name.clone());\n"),
            ("    Ok(receipt)", "    Ok(format!(\"{receipt} {last:?}\"))"),
        ],
        promises: &[
            ("booking.Room", "additive"),
            ("booking.Confirm", "additive"),
            ("booking.Confirm2", "additive"),
            ("booking.Receipt", "additive"),
        ],
        means: "it is `None`",
    },
    Edit {
        of: "a local",
        what: "remove one",
        name: "remove_local",
        code: &[
            (TRIES, ""),
            (
                "        tries += 1;\n        if tries == 3 {\n            return Err(\"undecided\".to_owned());\n        }\n",
                "",
            ),
        ],
        promises: &[("booking.Room", "additive"), ("booking.Confirm", "additive")],
        means: "its saved value is dropped",
    },
    Edit {
        of: "a local",
        what: "rename one",
        name: "rename_local",
        code: &[
            (TRIES, "    let mut attempts = 0_u32;\n"),
            ("        tries += 1;\n        if tries == 3", "        attempts += 1;\n        if attempts == 3"),
        ],
        promises: &[("booking.Room", "breaking"), ("booking.Confirm", "breaking")],
        means: "write a migration for conversations that wait there",
    },
    Edit {
        of: "a local",
        what: "rename one, and declare its old name",
        name: "rename_local_was",
        code: &[
            (TRIES, "    #[was = \"tries\"]\n    let mut attempts = 0_u32;\n"),
            ("        tries += 1;\n        if tries == 3", "        attempts += 1;\n        if attempts == 3"),
        ],
        promises: &[("booking.Room", "additive"), ("booking.Confirm", "additive")],
        means: "`#[was = \"..\"]`",
    },
    Edit {
        of: "a local",
        what: "rename one that names a state",
        name: "rename_binding",
        code: &[
            (
                "    let dates = PickDates { guest: guest.clone() }.await;",
                "    let days = PickDates { guest: guest.clone() }.await;",
            ),
            ("nights: dates.nights }", "nights: days.nights }"),
            ("room.price * dates.nights", "room.price * days.nights"),
        ],
        promises: &[
            ("booking.Dates", "breaking"),
            ("booking.Room", "breaking"),
            ("booking.Confirm", "breaking"),
            ("booking.Confirm2", "breaking"),
        ],
        means: "write a migration for conversations that wait there",
    },
    Edit {
        of: "a local",
        what: "rename one that names a state, and declare its old name",
        name: "rename_binding_was",
        code: &[
            (
                "    let dates = PickDates { guest: guest.clone() }.await;",
                "    #[was = \"dates\"]\n    let days = PickDates { guest: guest.clone() }.await;",
            ),
            ("nights: dates.nights }", "nights: days.nights }"),
            ("room.price * dates.nights", "room.price * days.nights"),
        ],
        promises: &[
            ("booking.Dates", "additive Days"),
            ("booking.Room", "additive"),
            ("booking.Confirm", "additive"),
            ("booking.Confirm2", "additive"),
        ],
        means: "`#[was = \"..\"]`",
    },
    Edit {
        of: "a local",
        what: "declare them in another order",
        name: "reorder_locals",
        code: &[(TRIES, ""), ("    let dates = PickDates", "    let mut tries = 0_u32;\n    let dates = PickDates")],
        promises: &[("booking.Dates", "breaking")],
        means: "a state that now needs another local has no value for it: write a migration",
    },
    Edit {
        of: "a local",
        what: "a wider number",
        name: "widen",
        code: &[(TRIES, "    let mut tries = 0_u64;\n")],
        promises: &[("booking.Room", "additive"), ("booking.Confirm", "additive")],
        means: "the new type can represent every old value",
    },
    Edit {
        of: "a local",
        what: "another type",
        name: "retype",
        code: &[
            (TRIES, "    let mut tries = String::new();\n"),
            ("        tries += 1;\n        if tries == 3", "        tries.push('x');\n        if tries.len() == 3"),
        ],
        promises: &[("booking.Room", "breaking"), ("booking.Confirm", "breaking")],
        means: "write a migration for conversations that wait there",
    },
    Edit {
        of: "a local",
        what: "another type, with a migration",
        name: "retype_migrate",
        code: &[
            (TRIES, "    let mut tries = String::new();\n"),
            ("        tries += 1;\n        if tries == 3", "        tries.push('x');\n        if tries.len() == 3"),
            (
                FLOW,
                "#[derive(Deserialize)]\nenum Before {\n    Room { guest: String, dates: Dates, tries: usize },\n    Confirm { guest: String, dates: Dates, tries: usize, room: Room },\n}\n\n#[flow]\n#[migrate(|before: Before| match before {\n    Before::Room { guest, dates, tries } => Room { guest, dates, tries: \"x\".repeat(tries) },\n    Before::Confirm { guest, dates, tries, room } => Confirm { guest, dates, tries: \"x\".repeat(tries), room },\n})]\npub async fn booking(",
            ),
        ],
        promises: &[("booking.Room", "migrated"), ("booking.Confirm", "migrated")],
        means: "`#[migrate]` with a closure",
    },
    Edit {
        of: "a local",
        what: "another type, with a migration on JSON",
        name: "retype_migrate_json",
        code: &[
            (TRIES, "    let mut tries = String::new();\n"),
            ("        tries += 1;\n        if tries == 3", "        tries.push('x');\n        if tries.len() == 3"),
            (
                FLOW,
                "fn spell_out(state: &mut stube::evolution::migration::SavedState) -> Result<(), stube::Failure> {\n    if let Some(tries) = state.take::<usize>(\"tries\")? {\n        state.put(\"tries\", &\"x\".repeat(tries))?;\n    }\n    Ok(())\n}\n\n#[flow]\n#[migrate(spell_out)]\npub async fn booking(",
            ),
        ],
        promises: &[("booking.Room", "migrated"), ("booking.Confirm", "migrated")],
        means: "`#[migrate]` with a function",
    },
    // ---- Fields and types -----------------------------------------------------------------------------------------
    Edit {
        of: "a field",
        what: "add one without a default",
        name: "add_field",
        code: &[("    pub first: String,\n", "    pub first: String,\n    pub last: String,\n")],
        promises: &[("booking.Room", "breaking"), ("booking.Confirm", "breaking"), ("booking.Confirm2", "breaking")],
        means: "write a default or a migration for conversations that hold one",
    },
    Edit {
        of: "a field",
        what: "add one with a default",
        name: "add_field_default",
        code: &[("    pub first: String,\n", "    pub first: String,\n    #[serde(default)]\n    pub last: String,\n")],
        promises: &[("booking.Room", "additive"), ("booking.Confirm", "additive"), ("booking.Confirm2", "additive")],
        means: "`#[serde(default)]`",
    },
    Edit {
        of: "a field",
        what: "remove one",
        name: "remove_field",
        code: &[("    pub first: String,\n", "")],
        promises: &[("booking.Room", "additive"), ("booking.Confirm", "additive"), ("booking.Confirm2", "additive")],
        means: "its saved value is dropped",
    },
    Edit {
        of: "a field",
        what: "rename one",
        name: "rename_field",
        code: &[("    pub first: String,\n", "    pub arrival: String,\n")],
        promises: &[("booking.Room", "breaking"), ("booking.Confirm", "breaking"), ("booking.Confirm2", "breaking")],
        means: "write a default or a migration for conversations that hold one",
    },
    Edit {
        of: "a field",
        what: "rename one, and declare its old name",
        name: "rename_field_alias",
        code: &[("    pub first: String,\n", "    #[serde(alias = \"first\")]\n    pub arrival: String,\n")],
        promises: &[("booking.Room", "additive"), ("booking.Confirm", "additive"), ("booking.Confirm2", "additive")],
        means: "`#[serde(alias = \"..\")]`",
    },
    Edit {
        of: "a field",
        what: "another order",
        name: "reorder_fields",
        code: &[("    pub first: String,\n    pub nights: u32,\n", "    pub nights: u32,\n    pub first: String,\n")],
        promises: &[],
        means: "nothing changes",
    },
    Edit {
        of: "a type",
        what: "rename it",
        name: "rename_type",
        code: &[("pub struct Dates {", "pub struct Days {"), ("    type Answer = Dates;", "    type Answer = Days;")],
        promises: &[],
        means: "nothing changes",
    },
    Edit {
        of: "a type",
        what: "wrap a number in a newtype",
        name: "newtype",
        code: &[
            (
                "    pub price: u32,\n}",
                "    pub price: Price,\n}\n\n#[derive(Debug, Clone, Copy, Serialize, Deserialize)]\npub struct Price(u32);",
            ),
            ("room.price * dates", "room.price.0 * dates"),
        ],
        promises: &[("booking.Receipt", "additive")],
        means: "nothing changes, except that the question's code differs, which is listed",
    },
    Edit {
        of: "a type",
        what: "add a variant",
        name: "add_variant",
        code: &[("    Alone,\n", "    Alone,\n    Pair,\n")],
        promises: &[],
        means: "nothing changes",
    },
    Edit {
        of: "a type",
        what: "remove a variant",
        name: "remove_variant",
        code: &[("    Group { size: u32 },\n", "")],
        promises: &[("booking.Room", "breaking"), ("booking.Confirm", "breaking"), ("booking.Confirm2", "breaking")],
        means: "write a migration for conversations that may hold it",
    },
    Edit {
        of: "a type",
        what: "rename a variant, and declare its old name",
        name: "rename_variant_alias",
        code: &[("    Group { size: u32 },\n", "    #[serde(alias = \"Group\")]\n    Party { size: u32 },\n")],
        promises: &[],
        means: "`#[serde(alias = \"..\")]`",
    },
    // ---- Flows ----------------------------------------------------------------------------------------------------
    Edit {
        of: "a flow",
        what: "rename it",
        name: "rename_flow",
        code: &[("pub async fn booking(", "pub async fn reservation(")],
        promises: &[
            ("booking.Dates", "breaking"),
            ("booking.Room", "breaking"),
            ("booking.Confirm", "breaking"),
            ("booking.Confirm2", "breaking"),
            ("booking.Receipt", "breaking"),
        ],
        means: "declare the old name, or write a migration for all its states",
    },
    Edit {
        of: "a flow",
        what: "rename it, and declare its old name",
        name: "rename_flow_was",
        code: &[(FLOW, "#[flow(was = \"booking\")]\npub async fn reservation(")],
        promises: &[
            ("booking.Dates", "additive"),
            ("booking.Room", "additive"),
            ("booking.Confirm", "additive"),
            ("booking.Confirm2", "additive"),
            ("booking.Receipt", "additive"),
        ],
        means: "`#[flow(was = \"..\")]`",
    },
    Edit {
        of: "a flow",
        what: "add one",
        name: "add_flow",
        code: &[(
            "#[flow]\npub async fn pay",
            "#[flow]\npub async fn cancel() -> bool {\n    Confirm::new(\"Cancel?\").await\n}\n\n#[flow]\npub async fn pay",
        )],
        promises: &[],
        means: "nothing changes",
    },
    Edit {
        of: "a flow",
        what: "remove one that another awaits",
        name: "remove_flow",
        code: &[
            (RECEIPT, "    let receipt = format!(\"{guest} paid {}\", room.price * dates.nights);\n"),
            ("#[flow]\npub async fn pay", "#[allow(dead_code)]\nasync fn pay"),
            (
                "#[at(\"Sure\")]\n    let sure = Confirm::new(format!(\"Pay {price} with {card}?\")).await;",
                "let sure = card.is_empty();",
            ),
            ("let card = Prompt::new(format!(\"Your card, {guest}?\")).await;", "let card = guest.clone();"),
            ("Confirm, Prompt, component", "Confirm, component"),
        ],
        promises: &[("booking.Receipt", "breaking"), ("pay.Card", "breaking"), ("pay.Sure", "breaking")],
        means: "write a migration for conversations that wait for it",
    },
    Edit {
        of: "a flow",
        what: "add an argument",
        name: "add_argument",
        code: &[
            ("pay(guest, room.price * dates.nights)", "pay(guest, room.price * dates.nights, \"eur\".to_owned())"),
            ("pay(guest: String, price: u32)", "pay(guest: String, price: u32, currency: String)"),
            ("{guest} paid {price}", "{guest} paid {price} {currency}"),
        ],
        promises: &[("booking.Receipt", "additive"), ("pay.Card", "breaking"), ("pay.Sure", "breaking")],
        means: "write a default or a migration for conversations that wait in it",
    },
    Edit {
        of: "a flow",
        what: "add an argument with a default",
        name: "add_argument_default",
        code: &[
            ("pay(guest, room.price * dates.nights)", "pay(guest, room.price * dates.nights, \"eur\".to_owned())"),
            (
                "pay(guest: String, price: u32)",
                "pay(guest: String, price: u32, #[default = \"eur\".to_owned()] currency: String)",
            ),
            ("{guest} paid {price}", "{guest} paid {price} {currency}"),
        ],
        promises: &[("booking.Receipt", "additive"), ("pay.Card", "additive"), ("pay.Sure", "additive")],
        means: "`#[default = ..]`",
    },
    Edit {
        of: "a flow",
        what: "add a new version beside the old one",
        name: "another_version",
        code: &[(
            "#[flow]\npub async fn pay",
            "#[flow(name = \"booking\", version = 2)]\npub async fn booking_2() -> bool {\n    Confirm::new(\"All of it?\").await\n}\n\n#[flow]\npub async fn pay",
        )],
        promises: &[],
        means: "conversations of the old version finish in the old code",
    },
    Edit {
        of: "a flow",
        what: "end all its conversations",
        name: "retire_all",
        code: &[
            (
                FLOW,
                "#[flow]\n#[migrate(|_: stube::evolution::migration::SavedState| retire(Err(\"closed\".to_owned())))]\npub async fn booking(",
            ),
            (
                "let dates = PickDates { guest: guest.clone() }.await;",
                "#[at(\"When\")]\n    let dates = PickDates { guest: guest.clone() }.await;\n    #[default = 0]\n    let more = 0;",
            ),
            ("    Ok(receipt)", "    Ok(format!(\"{receipt} {more}\"))"),
        ],
        promises: &[
            ("booking.Dates", "migrated ends"),
            ("booking.Room", "migrated ends"),
            ("booking.Confirm", "migrated ends"),
            ("booking.Confirm2", "migrated ends"),
            ("booking.Receipt", "migrated ends"),
        ],
        means: "`#[migrate]` with `retire`",
    },
    // ---- Components -----------------------------------------------------------------------------------------------
    Edit {
        of: "a component",
        what: "rename it",
        name: "rename_component",
        code: &[
            ("pub struct PickRoom", "pub struct ChooseRoom"),
            ("impl Component for PickRoom", "impl Component for ChooseRoom"),
            ("let room = PickRoom {", "let room = ChooseRoom {"),
        ],
        promises: &[("pick_room", "breaking"), ("booking.Room", "breaking")],
        means: "write a migration for conversations that wait for it",
    },
    Edit {
        of: "a component",
        what: "rename it, and declare its old name",
        name: "rename_component_was",
        code: &[
            ("pub struct PickRoom", "pub struct ChooseRoom"),
            (
                "#[component]\nimpl Component for PickRoom",
                "#[component(was = \"pick_room\")]\nimpl Component for ChooseRoom",
            ),
            ("let room = PickRoom {", "let room = ChooseRoom {"),
        ],
        promises: &[("pick_room", "additive"), ("booking.Room", "additive")],
        means: "`#[component(was = \"..\")]`",
    },
    Edit {
        of: "a component",
        what: "add a field without a default",
        name: "component_field",
        code: &[
            ("pub struct PickRoom {\n", "pub struct PickRoom {\n    floor: u8,\n"),
            ("let room = PickRoom { nights", "let room = PickRoom { floor: 1, nights"),
        ],
        promises: &[("pick_room", "breaking"), ("booking.Room", "additive")],
        means: "write a migration for conversations that wait for it",
    },
    Edit {
        of: "a component",
        what: "add a field with a default",
        name: "component_field_default",
        code: &[
            ("pub struct PickRoom {\n", "pub struct PickRoom {\n    #[serde(default)]\n    floor: u8,\n"),
            ("let room = PickRoom { nights", "let room = PickRoom { floor: 1, nights"),
        ],
        promises: &[("pick_room", "additive"), ("booking.Room", "additive")],
        means: "`#[serde(default)]`",
    },
    Edit {
        of: "anything else",
        what: "comments, other code, types that no conversation holds",
        name: "other_code",
        code: &[
            (
                "            return Err(\"undecided\".to_owned());",
                "            // It is late.\n            return Err(\"Undecided\".to_uppercase());",
            ),
            ("        tries += 1;", "        tries = tries.saturating_add(1);"),
            ("    if sure { Ok(format!", "    println!(\"{sure}\");\n    if sure { Ok(format!"),
        ],
        promises: &[],
        means: "nothing changes",
    },
];
