//! The forms of records: how a kind of type becomes bytes, once for all of its kind.

/// Newtypes are what they wrap.
macro_rules! newtypes {
    ($($name:ident),*) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
                Wire::take(input).map($name)
            }
        }
    )*};
}

/// Structs are a frame of their fields in this order; new ones go to the end.
macro_rules! structs {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                put_frame(out, |out| { $($field.put(out);)* });
            }

            fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
                take_frame(input, |frame| {
                    $(let $field = Wire::take(frame)?;)*
                    Ok(Self { $($field),* })
                })
            }
        }
    )*};
}

/// What is made of the fields of a frame, or of nothing.
macro_rules! taken {
    ($input:ident, $made:expr) => {
        Ok($made)
    };
    ($input:ident, $made:expr, $($item:ident),+) => {
        take_frame($input, |frame| {
            $(let $item = Wire::take(frame)?;)+
            Ok($made($($item),+))
        })
    };
}

/// Enums are a tag, and a frame of what the variant holds; tags are never used again.
macro_rules! enums {
    ($($name:ident { $($tag:literal $variant:ident $(( $($item:ident),* ))?),* $(,)? })*) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                match self {$(
                    Self::$variant $(( $($item),* ))? => {
                        out.push($tag);
                        $(put_frame(out, |out| { $($item.put(out);)* });)?
                    }
                )*}
            }

            fn take(input: &mut &[u8]) -> Result<Self, RecordError> {
                match take_bytes(input, 1)?[0] {
                    $($tag => taken!(input, Self::$variant $(, $($item),*)?),)*
                    _ => Err(RecordError::NewerTag),
                }
            }
        }
    )*};
}
