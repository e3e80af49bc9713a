//! A client of QEMU's debugger stub: the handful of packets of gdb's remote serial protocol with
//! which a machine is stopped at an address and QEMU's monitor is spoken to. No debugger is needed.

use std::{
    io::{self, BufReader, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use crate::error::{Error, Result, fail, reason};

const RETRY: Duration = Duration::from_millis(20);

pub struct Remote {
    reader: BufReader<TcpStream>,
}

impl Remote {
    /// Connects to the stub on this machine's `port`, as soon as it listens.
    ///
    /// # Errors
    ///
    /// It does not listen in time; later, whatever is not answered within `limit`.
    pub fn connect(port: u16, deadline: Instant, limit: Duration) -> Result<Self> {
        loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => {
                    let set = stream
                        .set_nodelay(true)
                        .and_then(|()| stream.set_read_timeout(Some(limit)));
                    set.map_err(broken)?;
                    return Ok(Self {
                        reader: BufReader::new(stream),
                    });
                }
                Err(error) if Instant::now() >= deadline => return Err(broken(error)),
                Err(_) => thread::sleep(RETRY),
            }
        }
    }

    /// Stops the machine whenever an instruction at `address` is next.
    pub fn insert_breakpoint(&mut self, address: u64) -> Result<()> {
        self.accepted(&format!("Z1,{address:x},4"))
    }

    pub fn remove_breakpoint(&mut self, address: u64) -> Result<()> {
        self.accepted(&format!("z1,{address:x},4"))
    }

    /// Lets the machine run until it stops at a breakpoint.
    pub fn run_to_breakpoint(&mut self) -> Result<()> {
        self.stops("c")
    }

    /// One instruction of the core that stopped.
    pub fn step(&mut self) -> Result<()> {
        self.stops("s")
    }

    /// Gives QEMU's monitor a command.
    ///
    /// # Errors
    ///
    /// It has something to say to it, which the commands that are used here only do when they fail.
    pub fn monitor(&mut self, command: &str) -> Result<()> {
        let hex: String = command.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.send(&format!("qRcmd,{hex}"))?;
        let mut said = Vec::new();
        loop {
            let answer = self.receive()?;
            match answer.strip_prefix('O') {
                Some("K") => break,
                Some(hex) => said.extend(from_hex(hex)),
                None => return fail(format!("QEMU does not know `{command}` ({answer})")),
            }
        }
        let said = String::from_utf8_lossy(&said);
        match said.trim() {
            "" => Ok(()),
            said => fail(format!("QEMU does not do `{command}`: {said}")),
        }
    }

    /// Lets the machine run, and goes.
    pub fn detach(mut self) -> Result<()> {
        self.accepted("D")
    }

    fn accepted(&mut self, packet: &str) -> Result<()> {
        self.send(packet)?;
        match self.receive()?.as_str() {
            "OK" => Ok(()),
            answer => fail(format!(
                "QEMU's debugger stub answers {packet} with {answer}"
            )),
        }
    }

    fn stops(&mut self, packet: &str) -> Result<()> {
        self.send(packet)?;
        let answer = self.receive()?;
        match answer.starts_with("T05") || answer.starts_with("S05") {
            true => Ok(()),
            false => fail(format!("the machine ended before that ({answer})")),
        }
    }

    fn send(&mut self, packet: &str) -> Result<()> {
        let framed = frame(packet);
        let sent = self.reader.get_mut().write_all(framed.as_bytes());
        sent.map_err(broken)
    }

    /// The next packet; acknowledgements of one's own are passed over.
    fn receive(&mut self) -> Result<String> {
        while self.byte()? != b'$' {}
        let mut packet = Vec::new();
        loop {
            match self.byte()? {
                b'#' => break,
                byte => packet.push(byte),
            }
        }
        let sum = [self.byte()?, self.byte()?];
        let packet = String::from_utf8_lossy(&packet).into_owned();
        if format!("{:02x}", checksum(&packet)).as_bytes() != sum {
            return fail("QEMU's debugger stub sent a damaged packet");
        }
        // Who has ended the connection with it does not wait for this.
        let _ = self.reader.get_mut().write_all(b"+");
        Ok(packet)
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte).map_err(broken)?;
        Ok(byte[0])
    }
}

fn broken(error: io::Error) -> Error {
    Error::new(match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "QEMU's debugger stub does not answer".to_owned()
        }
        io::ErrorKind::UnexpectedEof => "QEMU ended before that".to_owned(),
        _ => format!("cannot speak to QEMU's debugger stub: {}", reason(&error)),
    })
}

fn frame(packet: &str) -> String {
    format!("${packet}#{:02x}", checksum(packet))
}

fn checksum(packet: &str) -> u8 {
    packet.bytes().fold(0, u8::wrapping_add)
}

fn from_hex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    pairs.filter_map(byte).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A client of a stub that answers each packet with the next of these.
    fn served(answers: &'static [&'static str]) -> (Remote, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let stub = thread::spawn(move || {
            let stream = listener.accept().unwrap().0;
            let mut peer = Remote {
                reader: BufReader::new(stream),
            };
            let mut asked = Vec::new();
            for answer in answers {
                // What begins with O is said before the answer itself.
                if !answer.starts_with("O4") && !answer.starts_with("O6") {
                    asked.push(peer.receive().unwrap());
                }
                peer.send(answer).unwrap();
            }
            let _ = peer.reader.read_to_end(&mut Vec::new());
            asked
        });
        let deadline = Instant::now() + Duration::from_secs(60);
        let remote = Remote::connect(port, deadline, Duration::from_secs(60));
        (remote.unwrap(), stub)
    }

    #[test]
    fn a_packet_has_a_sum_behind_it() {
        assert_eq!(frame("OK"), "$OK#9a");
        assert_eq!(frame(""), "$#00");
    }

    #[test]
    fn a_machine_is_stopped_and_let_go() {
        let (mut remote, stub) = served(&["OK", "T05thread:p01.01;", "OK", "OK"]);
        remote.insert_breakpoint(0x80000).unwrap();
        remote.run_to_breakpoint().unwrap();
        remote.remove_breakpoint(0x80000).unwrap();
        remote.detach().unwrap();
        let asked = ["Z1,80000,4", "c", "z1,80000,4", "D"];
        assert_eq!(stub.join().unwrap(), asked);
    }

    #[test]
    fn a_machine_that_ends_is_no_stop() {
        let (mut remote, stub) = served(&["W00"]);
        let error = remote.run_to_breakpoint().unwrap_err().to_string();
        assert_eq!(error, "the machine ended before that (W00)");
        drop(remote);
        assert_eq!(stub.join().unwrap(), ["c"]);
    }

    #[test]
    fn what_the_monitor_says_is_an_error() {
        let (mut remote, stub) = served(&["OK"]);
        remote.monitor("log exec").unwrap();
        drop(remote);
        assert_eq!(stub.join().unwrap(), ["qRcmd,6c6f672065786563"]);
        // "no" in two pieces, before the OK that follows anyway.
        let (mut remote, stub) = served(&["O6e", "O6f", "OK"]);
        let error = remote.monitor("x").unwrap_err().to_string();
        assert_eq!(error, "QEMU does not do `x`: no");
        drop(remote);
        stub.join().unwrap();
    }
}
