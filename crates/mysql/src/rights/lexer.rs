/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word without quotes, as a keyword.
    Word(String),
    /// A name or a text, without its quotes.
    Quoted(String),
    /// Any other character.
    Symbol(char),
}

/// Reads the pieces of a statement, one at a time: what comes after the piece that ends a row is never looked at.
pub(super) struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.rest = self.rest.trim_start();
        let first = self.rest.chars().next()?;
        if matches!(first, '`' | '\'' | '"') {
            return self.quoted(first);
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        if is_word(first) {
            let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
            let (word, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Some(Token::Word(word.to_owned()));
        }
        self.rest = &self.rest[first.len_utf8()..];
        Some(Token::Symbol(first))
    }
}

impl Lexer<'_> {
    /// A quote inside is doubled. A backslash means itself in a name, and hides a character in a text.
    fn quoted(&mut self, quote: char) -> Option<Token> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1).peekable();
        while let Some((at, character)) = characters.next() {
            if character == '\\' && quote != '`' {
                text.push(characters.next()?.1);
            } else if character != quote {
                text.push(character);
            } else if characters.peek().is_some_and(|(_, next)| *next == quote) {
                characters.next();
                text.push(quote);
            } else {
                self.rest = &self.rest[at + 1..];
                return Some(Token::Quoted(text));
            }
        }
        self.rest = "";
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identifier::quote;

    #[test]
    fn names_are_read_without_their_quotes() {
        let tokens: Vec<Token> = Lexer::new("GRANT `a``b TO c`.* (`x`, \"y\"\"\")").collect();
        let (word, quoted) = (|word: &str| Token::Word(word.to_owned()), |text: &str| Token::Quoted(text.to_owned()));
        assert_eq!(
            tokens,
            [
                word("GRANT"),
                quoted("a`b TO c"),
                Token::Symbol('.'),
                Token::Symbol('*'),
                Token::Symbol('('),
                quoted("x"),
                Token::Symbol(','),
                quoted("y\""),
                Token::Symbol(')'),
            ]
        );
        assert_eq!(Lexer::new("`never ends").next(), None);
    }

    proptest! {
        #[test]
        fn every_name_is_read_back(name in "[^\0]{0,30}", after in "[^\0`]{0,10}") {
            let text = format!("{}{after}", quote(&name));
            prop_assert_eq!(Lexer::new(&text).next(), Some(Token::Quoted(name)));
        }
    }
}
