//! How much memory work takes.

use std::fs;

/// Does the work, and says by how many bytes the memory of this process that is resident grew at most while it ran; nothing
/// where the system does not tell, as outside Linux.
///
/// What other threads take in the meantime counts too, and memory that was given back before but that the allocator kept
/// is used again without being seen. Whoever needs more can count in an allocator of their own and give the number to
/// [`Cost::memory`](crate::Cost::memory).
///
/// ```
/// let (sum, bytes) = perennial_evaluation::peak_memory(|| vec![1_u8; 1 << 26].iter().map(|one| u64::from(*one)).sum::<u64>());
/// assert_eq!(sum, 1 << 26);
/// assert!(bytes.is_none_or(|bytes| bytes > 1 << 25));
/// ```
pub fn peak_memory<T>(work: impl FnOnce() -> T) -> (T, Option<u64>) {
    // Sets the highest mark back to what is resident now; it has no other effect (proc(5)).
    let marked = fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = if marked { resident("VmRSS:") } else { None };
    let done = work();
    let grown = before.and_then(|before| Some(resident("VmHWM:")?.saturating_sub(before)));
    (done, grown)
}

/// A number of the process, in bytes.
fn resident(which: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(which))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
