use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Returns an address that no other host of this process has, and hardly one of another process.
pub(super) fn next_address() -> Ipv4Addr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let octet = |value: u32| u8::try_from(value).expect("the remainder is small");
    let last = octet(u32::from(number) % 250 + 2);
    Ipv4Addr::new(127, octet(process / 250 % 200 + 50), octet(process % 250 + 1), last)
}

/// Chooses a port of an address that nobody listens on.
pub(super) fn free_port(address: Ipv4Addr) -> u16 {
    let listener = TcpListener::bind((address, 0)).expect("every address of 127/8 is this machine's");
    listener.local_addr().expect("it is bound").port()
}
