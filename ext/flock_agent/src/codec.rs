//! How messages are written to streams: protobuf, with small buffers.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::{ProstDecoder, ProstEncoder};

/// What each direction of each stream holds before the first message, in bytes; buffers grow with their messages. Tonic's own figure of
/// 8 KiB, four times for each idle member (two streams, both ways), was half of what a member costs its hub.
const BUFFER_BYTES: usize = 256;
/// From so many bytes on, what is ready is sent rather than joined by more; tonic's own figure.
const YIELD_BYTES: usize = 32 * 1024;

/// The codec of all services; the generated code names it.
pub struct SmallCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for SmallCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for SmallCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::new(BUFFER_BYTES, YIELD_BYTES))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::new(BUFFER_BYTES, YIELD_BYTES))
    }
}
