use flock_core::{Error, ErrorKind, limits};
use tonic::{Code, Request, Status};

use super::*;

#[test]
fn an_error_survives_the_wire() {
    let sent = Error::rejected("the inbox of bender1 is full; try again later — später").with_code("inbox_full");
    let status = status(sent.clone());
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(error(status), sent);
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let received = error(status(Error::internal("ä".repeat(5000))));
    assert!(received.message().len() <= 2048 && received.message().starts_with("ää"));
}

#[test]
fn a_status_that_is_not_ours_gets_a_kind_of_its_own() {
    assert_eq!(error(Status::unavailable("gone")).kind(), ErrorKind::Connection);
    assert_eq!(error(Status::deadline_exceeded("late")).kind(), ErrorKind::Timeout);
    assert_eq!(error(Status::unimplemented("what?")).kind(), ErrorKind::Protocol);
}

#[test]
fn an_error_of_ours_is_found_among_the_causes() {
    let cause = Error::denied("removed").with_code("removed");
    let status = Status::from_error(Box::new(std::io::Error::other(cause.clone())));
    assert_eq!(error(status), cause);
}

#[test]
fn a_connection_that_breaks_in_the_middle_of_a_call_is_no_answer_of_the_other_end() {
    let reset = || {
        std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            "peer closed connection without sending TLS close_notify",
        )
    };
    let broke = error(Status::from_error(Box::new(reset())));
    assert_eq!(broke.kind(), ErrorKind::Connection, "{broke}");
    assert!(broke.message().contains("close_notify"));
    assert_eq!(error(Status::unknown("its own")).kind(), ErrorKind::Remote);
}

#[test]
fn calls_name_their_protocol() {
    assert_eq!(protocol(request((), 10).metadata()), Ok(limits::PROTOCOL_MAX));
    let nameless = protocol(Request::new(()).metadata()).unwrap_err();
    assert_eq!(nameless.kind(), ErrorKind::Protocol);
    let mut newer = Request::new(());
    newer
        .metadata_mut()
        .insert(limits::PROTOCOL_HEADER, (limits::PROTOCOL_MAX + 1).into());
    assert!(check_protocol(newer).is_err());
}

#[test]
fn ranges_that_meet_agree_on_the_newest() {
    assert_eq!(agree(0, u32::MAX), Ok(limits::PROTOCOL_MAX));
    let above = limits::PROTOCOL_MAX + 1;
    assert_eq!(agree(above, above).unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn a_silent_end_ends_as_a_timeout() {
    let call = std::future::pending::<Result<Response<()>, Status>>();
    let late = within(10, "Offer to bender1", call).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout);
    assert!(late.message().contains("Offer to bender1"));
}

#[tokio::test(start_paused = true)]
async fn whoever_s_timer_notices_a_late_answer_it_is_a_timeout() {
    let cut_off_after = |ms| {
        within(10, "Offer to bender1", async move {
            tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
            Err::<Response<()>, _>(Status::cancelled("Timeout expired"))
        })
    };
    assert_eq!(cut_off_after(10).await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(cut_off_after(5).await.unwrap_err().kind(), ErrorKind::Connection);
}

#[test]
fn the_deadline_that_travels_is_later_than_the_caller_s_own() {
    let request = request((), 10_000);
    let travels = request.metadata().get("grpc-timeout").unwrap().to_str().unwrap();
    assert_eq!(travels, format!("{}u", (10_000 + limits::DEADLINE_MARGIN_MS) * 1000));
}

#[test]
fn a_connection_that_breaks_is_not_an_error_of_the_other_end() {
    for code in [Code::Unknown, Code::Internal] {
        let mut broken = Status::new(code, "transport error");
        broken.set_source(std::sync::Arc::new(std::io::Error::from(
            std::io::ErrorKind::BrokenPipe,
        )));
        assert_eq!(error(broken).kind(), ErrorKind::Connection);
        assert_eq!(error(Status::new(code, "panicked")).kind(), ErrorKind::Remote);
    }
}
