use super::VERSION;
use super::architecture::Architecture;
use crate::failure::{Failure, Result};

/// Returns the template for prebuilt zips: the same but for the functions' code and processor, which are what the zips are.
pub(super) fn for_zips(template: &str, architecture: Architecture) -> Result<String> {
    let processor = "    Architectures: [!Ref Architecture]\n";
    if template.matches(processor).count() != 1 {
        return Err(Failure::new(format!("template.yaml has to have the line `{}` once", processor.trim())));
    }
    let mut lines = Vec::new();
    let mut skipping = false;
    for line in template.replace(processor, &format!("    Architectures: [{}]\n", architecture.name())).lines() {
        // The parameter that chooses a processor has nothing to choose any more.
        if line == "  Architecture:" {
            skipping = true;
            continue;
        }
        skipping &= line.starts_with("    ");
        if skipping || line.trim() == "- Architecture" {
            continue;
        }
        lines.push(match line.strip_prefix("      CodeUri: functions/") {
            Some(function) => format!("      CodeUri: rotate-{function}-{VERSION}-{}.zip", architecture.name()),
            None => line.to_owned(),
        });
    }
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_and_processor_differ() {
        let template = "Groups:\n  - Architecture\n  - MemorySize\nParameters:\n  Architecture:\n    Type: String\n  MemorySize:\n    Type: Number\nGlobals:\n  Function:\n    Architectures: [!Ref Architecture]\nResources:\n  A:\n    Properties:\n      CodeUri: functions/api-key\n";
        let expected = format!(
            "Groups:\n  - MemorySize\nParameters:\n  MemorySize:\n    Type: Number\nGlobals:\n  Function:\n    Architectures: [arm64]\nResources:\n  A:\n    Properties:\n      CodeUri: rotate-api-key-{VERSION}-arm64.zip\n"
        );
        assert_eq!(for_zips(template, Architecture::Arm64).unwrap(), expected);
        assert!(for_zips("", Architecture::Arm64).is_err());
    }
}
