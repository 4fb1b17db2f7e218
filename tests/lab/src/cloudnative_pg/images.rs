//! The two images of a CloudNativePG database: the operator's, which every database pod runs first
//! too, and PostgreSQL's.

use std::fs::File;
use std::io::{self, Seek as _};
use std::path::Path;

use super::Error;
use crate::Lab;
use crate::file::fail;
use crate::image::{self, Image, Layer, write};
use crate::tools::Operator;

/// PostgreSQL's user and group as the operator runs it. initdb refuses a user without a name.
const POSTGRES: u64 = 26;

/// The image of the operator; it is imported unless the lab has it.
pub(super) fn operator(lab: &Lab, operator: &Operator) -> Result<String, Error> {
    // Kubernetes would ask a registry for `latest`.
    let name = format!("docker.io/lab/cloudnative-pg:{}", operator.version);
    lab.with_image(&name, || {
        let architecture = image::architecture()?;
        let program = format!("operator/manager_{architecture}");
        let layer = tar(lab, |tar| {
            append_file(tar, &program, 0o755, &operator.program)?;
            let mut link = header(0o777, 0);
            link.set_entry_type(tar::EntryType::Symlink);
            tar.append_link(&mut link, "manager", &program)?;
            append_file(tar, "licenses/LICENSE", 0o644, &operator.licence)
        })?;
        let image = Image {
            user: Some("65532:65532"),
            command: &["/manager"],
            ..Image::idle(&name, &architecture)
        };
        archive(lab, image, vec![Layer::Tar(layer)])
    })?;
    Ok(name)
}

/// The image of the databases: that of all pods, and a user for the operator's number.
pub(super) fn operand(lab: &Lab, major: u32) -> Result<String, Error> {
    // The operator reads the major version from the tag.
    let name = format!("docker.io/lab/cloudnative-pg-postgresql:{major}");
    lab.with_image(&name, || {
        let base = lab.base_layer(lab.image())?;
        let passwd = format!(
            "root:x:0:0:root:/root:/bin/sh\n\
             postgres:x:{POSTGRES}:{POSTGRES}:PostgreSQL:/var/lib/postgresql:/bin/sh\n\
             nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        );
        let group = format!("root:x:0:\npostgres:x:{POSTGRES}:\nnogroup:x:65534:\n");
        let layer = tar(lab, |tar| {
            for (path, text) in [("etc/passwd", passwd), ("etc/group", group)] {
                tar.append_data(&mut header(0o644, text.len() as u64), path, text.as_bytes())?;
            }
            Ok(())
        })?;
        let user = POSTGRES.to_string();
        let architecture = image::architecture()?;
        let image = Image {
            user: Some(&user),
            ..Image::idle(&name, &architecture)
        };
        archive(lab, image, vec![Layer::Known(base), Layer::Tar(layer)])
    })?;
    Ok(name)
}

fn archive(lab: &Lab, image: Image<'_>, layers: Vec<Layer>) -> Result<File, Error> {
    let path = lab.state_dir();
    let mut archive = tempfile::tempfile_in(path).map_err(fail("write below", path))?;
    write(image, layers, &archive)
        .and_then(|()| archive.rewind())
        .map_err(fail("write an image below", path))?;
    Ok(archive)
}

fn tar(
    lab: &Lab,
    fill: impl FnOnce(&mut tar::Builder<&File>) -> io::Result<()>,
) -> Result<File, Error> {
    let path = lab.state_dir();
    let file = tempfile::tempfile_in(path).map_err(fail("write below", path))?;
    let mut builder = tar::Builder::new(&file);
    fill(&mut builder)
        .and_then(|()| builder.into_inner())
        .map_err(fail("write a layer below", path))?;
    Ok(file)
}

fn append_file(
    tar: &mut tar::Builder<&File>,
    path: &str,
    mode: u32,
    from: &Path,
) -> io::Result<()> {
    let file = File::open(from)?;
    let size = file.metadata()?.len();
    tar.append_data(&mut header(mode, size), path, file)
}

fn header(mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}
