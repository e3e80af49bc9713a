//! The suite for hosts, on those of the crate that have a clock of their own.
#![cfg(not(loom))]

mod on_std {
    use layercake_wait::host::std::{StdHost, enter, spawn};

    layercake_wait::host_conformance!(mod suite, StdHost, |body: fn(&mut _)| {
        spawn(body);
    });

    #[test]
    fn std_host_conforms() {
        enter(suite::all);
    }
}

#[cfg(not(miri))]
mod on_seeded {
    use layercake_wait::host::seeded::{SeededHost, explore, first_failure, spawn};

    layercake_wait::host_conformance!(mod suite, SeededHost, |body: fn(&mut _)| {
        spawn(body);
    });

    #[test]
    fn seeded_host_conforms() {
        explore(50, suite::all);
    }

    /// A host that forgets permits: the suite must notice.
    struct Forgetful;

    // SAFETY: it is *not* what HOST asks for; the test that uses it expects a failure.
    unsafe impl layercake_wait::Host for Forgetful {
        type Cpu = <SeededHost as layercake_wait::Host>::Cpu;
        type Task = <SeededHost as layercake_wait::Host>::Task;

        fn current() -> Self::Task {
            SeededHost::current()
        }

        fn park(cx: &mut layercake_sync::TaskCx, deadline: Option<layercake_wait::Instant>) {
            match deadline {
                // As if the permit had come to a thread that was not parked yet.
                Some(at) => layercake_wait::sleep_until::<SeededHost>(cx, at),
                None => SeededHost::park(cx, None),
            }
        }

        fn unpark(task: &Self::Task) {
            SeededHost::unpark(task);
        }

        fn now() -> layercake_wait::Instant {
            SeededHost::now()
        }
    }

    layercake_wait::host_conformance!(mod forgetful, Forgetful, |body: fn(&mut _)| {
        spawn(body);
    });

    #[test]
    fn a_host_that_forgets_permits_does_not_conform() {
        let (_, why) = first_failure(1, forgetful::all).expect("the suite fails");
        assert!(why.contains("the permit was not kept"), "{why}");
    }
}
