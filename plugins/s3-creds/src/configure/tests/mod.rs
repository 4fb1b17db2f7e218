mod alias;
mod document;
mod work;
