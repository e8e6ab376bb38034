//! WebAssembly policy plugins behind the model's trait.
