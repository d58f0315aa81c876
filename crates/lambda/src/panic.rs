/// Makes a panic log where it happened, and nothing of what it says: its message may hold a secret.
pub(crate) fn report_without_payload() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(target: "fourstep", %location, "panic; its message is left out, since it may hold a secret");
    }));
}
