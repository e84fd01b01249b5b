//! Detects network file systems, on which locks and `fsync` may not work.

/// The name of a network, user-space or shared file system, by its magic number in Linux's `statfs`. `None` for a local one.
#[cfg(target_os = "linux")]
pub(super) const fn shared(kind: u32) -> Option<&'static str> {
    Some(match kind {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x6573_5546 => "FUSE",
        0x0102_1997 => "9P",
        0x00c3_6400 => "Ceph",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x0bd0_0bd0 => "Lustre",
        0x786f_4256 => "a VirtualBox shared folder",
        _ => return None,
    })
}
