//! Payloads in pieces: what is shared, what is copied, what they say of themselves.

use bytes::Bytes;
use mellivora_coding::Body;

fn body(pieces: &[&'static str]) -> Body {
    Body::from_pieces(pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())))
}

#[test]
fn a_body_without_bytes_is_empty_and_no_other() {
    for (body, len) in [(Body::default(), 0), (body(&["", ""]), 0), (body(&["", "b"]), 1), (body(&["bad", "ger"]), 6)] {
        assert_eq!((body.len(), body.is_empty()), (len, len == 0));
        assert_eq!(body.to_vec().len(), len);
        assert!(body.pieces().all(|piece| !piece.is_empty()));
    }
}

#[test]
fn one_piece_is_shared_and_several_are_joined() {
    let piece = Bytes::from(vec![7; 100]);
    assert_eq!(Body::from_bytes(piece.clone()).to_bytes().as_ptr(), piece.as_ptr(), "copied");
    assert_eq!(body(&["bad", "", "ger"]).to_bytes(), "badger");
    assert_eq!(Body::default().to_bytes(), "");
}

#[test]
fn a_log_shows_how_much_there_is_and_not_what() {
    assert_eq!(format!("{:?}", body(&["bad", "", "ger"])), "6 bytes in 2 pieces");
}
