pub mod part_facts;
pub mod search_keys;
pub mod syntax;
