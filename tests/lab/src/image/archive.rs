//! Layers wrapped as an OCI image archive, the form that `ctr images import` takes.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

/// Where programs are looked for in a container.
const PATH: &str =
    "/usr/lib/postgresql/current/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What an image is called, and what it does unless a pod says otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image<'a> {
    /// Its full name, with a tag.
    pub(crate) name: &'a str,
    /// Go's word for the architecture, which is Debian's too.
    pub(crate) architecture: &'a str,
    /// The user that it runs as, or root.
    pub(crate) user: Option<&'a str>,
    /// What it runs.
    pub(crate) command: &'a [&'a str],
}

impl<'a> Image<'a> {
    /// An image that sleeps: what a pod of no purpose does; the node's pause container is one.
    pub(crate) fn idle(name: &'a str, architecture: &'a str) -> Self {
        Self {
            name,
            architecture,
            user: None,
            command: &["sleep", "infinity"],
        }
    }
}

/// A layer of an image, lowest first.
#[derive(Debug)]
pub(crate) enum Layer {
    /// A tar, which the archive will hold.
    Tar(File),
    /// One that the node has already, by the digest and the size of its tar.
    Known(Blob),
}

/// A piece of content by what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blob {
    /// In hex.
    pub(crate) digest: String,
    /// In bytes.
    pub(crate) size: u64,
}

/// Writes the archive of an image with these layers.
pub(crate) fn write(
    image: Image<'_>,
    mut layers: Vec<Layer>,
    archive: impl Write,
) -> io::Result<()> {
    let blobs = layers
        .iter_mut()
        .map(|layer| match layer {
            Layer::Tar(file) => digest_of(file),
            Layer::Known(blob) => Ok(blob.clone()),
        })
        .collect::<io::Result<Vec<_>>>()?;
    let digests: Vec<String> = blobs
        .iter()
        .map(|blob| format!("sha256:{}", blob.digest))
        .collect();
    let mut config = json!({
        "architecture": image.architecture,
        "os": "linux",
        "config": {
            "Env": [format!("PATH={PATH}"), "LANG=C.UTF-8"],
            "Cmd": image.command,
        },
        "rootfs": { "type": "layers", "diff_ids": digests },
    });
    if let Some(user) = image.user {
        config["config"]["User"] = user.into();
    }
    let config = config.to_string();
    let described: Vec<Value> = blobs
        .iter()
        .zip(&digests)
        .map(|(blob, digest)| {
            json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": digest,
                "size": blob.size,
            })
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", config.as_bytes()),
        "layers": described,
    })
    .to_string();
    let mut named = descriptor(
        "application/vnd.oci.image.manifest.v1+json",
        manifest.as_bytes(),
    );
    named["annotations"] = json!({ "io.containerd.image.name": image.name });
    let index = json!({ "schemaVersion": 2, "manifests": [named] }).to_string();

    let mut tar = tar::Builder::new(archive);
    append(&mut tar, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    append(&mut tar, "index.json", index.as_bytes())?;
    for text in [&manifest, &config] {
        append(
            &mut tar,
            &format!("blobs/sha256/{}", hex_digest(text.as_bytes())),
            text.as_bytes(),
        )?;
    }
    for (layer, blob) in layers.into_iter().zip(&blobs) {
        if let Layer::Tar(mut file) = layer {
            file.rewind()?;
            let path = format!("blobs/sha256/{}", blob.digest);
            tar.append_data(&mut header(blob.size), path, file)?;
        }
    }
    tar.into_inner()?.flush()
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({
        "mediaType": media_type,
        "digest": format!("sha256:{}", hex_digest(content)),
        "size": content.len(),
    })
}

fn append(tar: &mut tar::Builder<impl Write>, path: &str, content: &[u8]) -> io::Result<()> {
    tar.append_data(&mut header(content.len() as u64), path, content)
}

/// The same for every file: two archives of one root file system are equal.
fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn hex_digest(content: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(ring::digest::digest(&SHA256, content).as_ref())
}

fn digest_of(file: &mut File) -> io::Result<Blob> {
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    file.rewind()?;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            let digest = data_encoding::HEXLOWER.encode(context.finish().as_ref());
            return Ok(Blob { digest, size });
        }
        context.update(&buffer[..read]);
        size += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Path and content of every file of a tar, read by somebody else's code.
    fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        tar::Archive::new(archive)
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let path = entry.path().unwrap().to_str().unwrap().to_owned();
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                (path, content)
            })
            .collect()
    }

    fn image(layer: &[u8]) -> Vec<u8> {
        archive(vec![tar_of(layer)])
    }

    fn tar_of(content: &[u8]) -> Layer {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Layer::Tar(file)
    }

    fn archive(layers: Vec<Layer>) -> Vec<u8> {
        let mut archive = Vec::new();
        let image = Image::idle("docker.io/lab/test:1", "arm64");
        write(image, layers, &mut archive).unwrap();
        archive
    }

    #[test]
    fn every_reference_leads_to_a_blob_with_that_digest_and_size() {
        let archive = files(&image(b"layer"));
        let blob = |reference: &Value| {
            let digest = reference["digest"]
                .as_str()
                .unwrap()
                .strip_prefix("sha256:")
                .unwrap();
            let content = &archive[&format!("blobs/sha256/{digest}")];
            assert_eq!(hex_digest(content), digest);
            assert_eq!(reference["size"].as_u64().unwrap(), content.len() as u64);
            content.clone()
        };
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();

        let index = json(&archive["index.json"]);
        let named = &index["manifests"][0];
        assert_eq!(
            named["annotations"]["io.containerd.image.name"],
            "docker.io/lab/test:1"
        );
        let manifest = json(&blob(named));
        assert_eq!(blob(&manifest["layers"][0]), b"layer");
        let config = json(&blob(&manifest["config"]));
        assert_eq!(
            config["rootfs"]["diff_ids"][0],
            manifest["layers"][0]["digest"]
        );
        assert_eq!(config["architecture"], "arm64");
        assert_eq!(archive.len(), 5);
    }

    #[test]
    fn a_layer_that_the_node_has_is_named_and_left_out() {
        let known = Blob {
            digest: "ab".repeat(32),
            size: 7,
        };
        let files = files(&archive(vec![Layer::Known(known), tar_of(b"own")]));
        assert!(!files.contains_key(&format!("blobs/sha256/{}", "ab".repeat(32))));
        let manifest = files
            .values()
            .filter_map(|content| serde_json::from_slice::<Value>(content).ok())
            .find(|json| json["layers"].is_array())
            .unwrap();
        assert_eq!(
            manifest["layers"][0]["digest"],
            format!("sha256:{}", "ab".repeat(32))
        );
        assert_eq!(manifest["layers"][0]["size"], 7);
        assert_eq!(manifest["layers"][1]["size"], 3);
    }

    #[test]
    fn the_same_layer_makes_the_same_archive() {
        assert_eq!(image(b"one"), image(b"one"));
        assert_ne!(image(b"one"), image(b"two"));
    }
}
