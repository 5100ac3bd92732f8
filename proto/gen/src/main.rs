//! Writes the Rust code of `proto/flock/v1/*.proto` into the folder named by the first argument.
//!
//! The compiler is protox, in Rust, so that neither users nor builders need `protoc`.

use std::{error::Error, path::PathBuf};

const FILES: [&str; 5] =
    ["flock/v1/common.proto", "flock/v1/local.proto", "flock/v1/peer.proto", "flock/v1/hub.proto", "flock/v1/enrol.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::args().nth(1).ok_or("usage: flock_proto_gen OUT_DIR")?);
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::create_dir_all(&out)?;
    let descriptors = protox::compile(FILES, [root])?;
    tonic_prost_build::configure()
        .out_dir(&out)
        .build_transport(false)
        .codec_path("crate::codec::SmallCodec")
        .message_attribute(".", "#[derive(serde::Serialize, serde::Deserialize)]\n#[serde(default, deny_unknown_fields)]")
        .enum_attribute(".flock.v1.Up.body", "#[derive(serde::Serialize, serde::Deserialize)]")
        .enum_attribute(".flock.v1.Down.body", "#[derive(serde::Serialize, serde::Deserialize)]")
        .enum_attribute(".flock.v1.HostUp.body", "#[derive(serde::Serialize, serde::Deserialize)]")
        .enum_attribute(".flock.v1.HostDown.body", "#[derive(serde::Serialize, serde::Deserialize)]")
        .compile_fds(descriptors)?;
    Ok(())
}
