//! Awaits inside of macros that decide whether they run, and labels.

/// Listens to every event.
pub(crate) struct Everything;

impl tracing::Subscriber for Everything {
    /// Asked again for each event: what always wants an event makes all other threads evaluate it too.
    fn register_callsite(&self, _: &'static tracing::Metadata<'static>) -> tracing::subscriber::Interest {
        tracing::subscriber::Interest::sometimes()
    }

    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Shown;
        impl tracing::field::Visit for Shown {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                crate::log(format!("{field} = {value:?}"));
            }
        }
        event.record(&mut Shown);
    }
}

same! { [()] async fn matches_with_awaits() -> u32 {
    let mut n = 0;
    if matches!(ask_maybe("maybe").await, Some(x) if x > 0) { n += 1; }
    while matches!(signed_maybe("more").await, None | Some(0)) && n < 9 { n += ask("n").await + 1; }
    n + matches!(ask_result("result").await, Ok(_)) as u32
} }

same! { [()] async fn asserts_with_awaits() -> u32 {
    let n = ask("n").await;
    assert!(n < 3, "too many: {n} {}", ask("why").await);
    assert!(ask("m").await < 3 || n == 0, "not that");
    debug_assert!(ask_bool("ok").await || n < 9);
    debug_assert_eq!(ask("zero").await * 0, 0, "never {n}");
    assert_eq!(n.min(2), ask("same").await.max(n).min(2).min(n.min(2)));
    n
} }

same! { [()] async fn comparisons_whose_message_awaits() -> u32 {
    let n = ask("n").await;
    let left = format!("{n}");
    assert_eq!(left, n.to_string(), "{left} is shown {}", ask("never").await);
    assert_ne!(left.len() as u32 * 9, ask("other").await, "{}", ask_text("never").await);
    debug_assert_eq!(ask("one").await.min(1), 1, "{left} {:?} {n}", ask_text("message").await);
    std::assert_ne!(n, ask("two").await, "{} {left:>5}", ask_text("why").await);
    n
} }

same! { [()] async fn events_that_nobody_hears() -> u32 {
    let n = ask("n").await;
    tracing::info!(n, answer = ask("never").await, "nobody listens");
    tracing::debug!("{}", ask("never").await);
    n
} }

same! { [()] async fn events_that_somebody_hears() -> u32 {
    std::mem::forget(tracing::subscriber::set_default(crate::macros::Everything));
    let n = ask("n").await;
    let name = ask_text("name").await;
    tracing::info!(n, answer = ask("first").await, other = log("second".to_owned()), "{} {name}", ask("third").await);
    tracing::warn!(name.len = name.len(), list = ?vec![ask("one").await], text = %ask_text("two").await);
    tracing::error!("plain {n}");
    name.len() as u32
} }

/// Macros of the author's own that leave the function, as those of error crates do.
macro_rules! my_bail { ($($text:tt)*) => { return Err(format!($($text)*)) } }
macro_rules! my_ensure { ($cond:expr, $($text:tt)*) => { if !$cond { return Err(format!($($text)*)); } } }

same! { [()] async fn macros_that_leave() -> Result<u32, String> {
    let n = ask("n").await;
    my_ensure!(n < 3, "too many: {n}");
    let m = match ask_maybe("maybe").await {
        Some(m) => m,
        None => my_bail!("none for {n}"),
    };
    let k = loop {
        let k = ask("k").await;
        if k == m { my_bail!("equal") }
        if k > n { break k; }
    };
    my_ensure!(k > 0, "no {k}");
    Ok(n + m + k)
} }

same! { [()] async fn macros_inside_of_macros() -> String {
    let text = format!("{}", matches!(ask_maybe("q").await, Some(z) if z > 0));
    let list = vec![matches!(ask_bool("r").await, true), false];
    format!("{text} {:?} {}", list, matches!(ask_result("s").await, Err(_)))
} }
