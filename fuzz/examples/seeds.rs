//! Writes the hand-made seeds of the corpus: inputs that reach the good path of each target.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let bytes = |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    // The functions in the library say what each byte chooses.
    let seeds: Vec<(&str, &str, Vec<u8>)> = vec![
        ("coding", "honest-four", [bytes(&[1, 1000, 1000, 0]), vec![7; 40]].concat()),
        ("coding", "one-node", [bytes(&[0, 10, 10, 0]), vec![1; 20]].concat()),
        ("coding", "wrong-parity", [bytes(&[1, 300, 300, 1, 3, 5]), vec![9], bytes(&[1, 258, 3, 77]), vec![5]].concat()),
        ("coin", "all-right", [vec![0, 0, 1], bytes(&[3, 3, 3, 3])].concat()),
        ("coin", "two-right", [vec![0, 0, 1], bytes(&[3, 0, 3, 0])].concat()),
        ("coin", "two-right-one-changed", [vec![1, 0, 1], bytes(&[2, 1, 9]), vec![1], bytes(&[3, 3, 0])].concat()),
        ("ciphertext", "whole", vec![0; 8]),
        ("ciphertext", "whole-second-suite", [vec![1], vec![0; 8]].concat()),
        ("keyfile", "whole", vec![0; 5]),
        ("keyfile", "whole-second-suite", [vec![1], vec![0; 4]].concat()),
        ("rbc", "honest-proposer", [vec![0, 0, 0, 0, 9], bytes(&[100])].concat()),
        ("rbc", "byzantine-proposer-saving", [vec![1, 0, 1, 1, 9], bytes(&[100])].concat()),
        ("aba", "all-one", vec![0, 0, 0, 1, 1, 1, 1]),
        ("aba", "mixed-real-coins", vec![0, 0, 1, 1, 0, 1, 0]),
        ("subset", "four", vec![0; 4]),
        ("subset", "five-saving-real-coins", vec![1, 0, 1, 1]),
    ];
    for (target, name, data) in seeds {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), data)?;
    }
    Ok(())
}
