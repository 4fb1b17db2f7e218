use std::{
    fmt,
    io::{self, BufRead, IsTerminal, Read, Write},
    sync::{Arc, Mutex, OnceLock, PoisonError, mpsc},
    thread,
};

use super::Interrupt;

/// Standard input, output and error.
///
/// Output is data only; error is talk. A reader that has gone away (a broken pipe) is not an
/// error: what it does not want to hear is dropped.
pub struct Streams {
    out: Mutex<Box<dyn Write + Send>>,
    talk: Mutex<Box<dyn Write + Send>>,
    answers: Arc<Mutex<Box<dyn BufRead + Send>>>,
    /// What came instead of an answer.
    interrupt: OnceLock<Interrupt>,
    out_is_terminal: bool,
    talk_is_terminal: bool,
    person_is_there: bool,
}

/// The longest input that is read whole, in bytes: tokens and objects have some kB.
const LONGEST_INPUT: u64 = 1 << 20;

/// What was printed into a test world.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    out: Buffer,
    talk: Buffer,
}

#[derive(Clone, Debug, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Streams {
    pub(super) fn of_process() -> Self {
        Self {
            out_is_terminal: io::stdout().is_terminal(),
            talk_is_terminal: io::stderr().is_terminal(),
            person_is_there: io::stdin().is_terminal() && io::stderr().is_terminal(),
            out: Mutex::new(Box::new(io::stdout())),
            talk: Mutex::new(Box::new(io::stderr())),
            answers: Arc::new(Mutex::new(Box::new(io::BufReader::new(io::stdin())))),
            interrupt: OnceLock::new(),
        }
    }

    pub(super) fn captured() -> (Self, Captured) {
        let captured = Captured::default();
        let streams = Self {
            out: Mutex::new(Box::new(captured.out.clone())),
            talk: Mutex::new(Box::new(captured.talk.clone())),
            answers: Arc::new(Mutex::new(Box::new(io::empty()))),
            interrupt: OnceLock::new(),
            out_is_terminal: false,
            talk_is_terminal: false,
            person_is_there: false,
        };
        (streams, captured)
    }

    /// Writes data to standard output.
    ///
    /// # Errors
    /// Anything but a broken pipe: a full disk, say.
    pub fn data(&self, text: &str) -> io::Result<()> {
        write(&self.out, text)
    }

    /// Writes a line of talk to standard error. A standard error that cannot be written to leaves
    /// nobody to tell, so there is no error to hand on.
    pub fn talk(&self, line: &str) {
        let _ = write(&self.talk, &format!("{line}\n"));
    }

    /// Whether standard output ends on a screen.
    pub fn out_is_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// Whether a person can read standard error and type an answer.
    pub fn person_is_there(&self) -> bool {
        self.person_is_there
    }

    /// Whether standard error ends on a screen.
    pub fn talk_is_terminal(&self) -> bool {
        self.talk_is_terminal
    }

    /// How many columns the screen has that standard error ends on; `None` where there is none, or
    /// it does not say.
    pub fn talk_columns(&self) -> Option<usize> {
        let (columns, _) = terminal_size::terminal_size_of(io::stderr())?;
        self.talk_is_terminal.then_some(columns.0.into())
    }

    /// Asks a person for one line; `None` when nobody is there to answer, or a signal came instead:
    /// see [`Streams::interrupt`].
    pub fn ask(&self, question: &str) -> Option<String> {
        if !self.person_is_there || self.interrupt().is_some() {
            return None;
        }
        let _ = write(&self.talk, question);
        match Interrupt::is_awaited() {
            true => self.line_or_interrupt(),
            // A signal ends the process where it stands.
            false => read_line(&self.answers),
        }
    }

    /// Standard input, to its end.
    ///
    /// # Errors
    /// It cannot be read, is no text, or longer than anything that is sent that way.
    pub fn all_input(&self) -> io::Result<String> {
        let mut text = String::new();
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut limited = (&mut *answers).take(LONGEST_INPUT + 1);
        limited.read_to_string(&mut text)?;
        match text.len() as u64 > LONGEST_INPUT {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok(text),
        }
    }

    /// The signal that ended a question.
    pub fn interrupt(&self) -> Option<Interrupt> {
        self.interrupt.get().copied()
    }

    /// A signal that is caught does not end a read, and nobody polls the runtime meanwhile: both are
    /// waited for on threads. The one for which nothing came ends with the process.
    fn line_or_interrupt(&self) -> Option<String> {
        let (sender, first) = mpsc::channel();
        let (typed, answers) = (sender.clone(), Arc::clone(&self.answers));
        let wait = move || {
            if let Ok(interrupt) = Interrupt::wait_blocking() {
                let _ = sender.send(Err(interrupt));
            }
        };
        let read = move || {
            let _ = typed.send(Ok(read_line(&answers)));
        };
        thread::Builder::new().spawn(wait).ok()?;
        thread::Builder::new().spawn(read).ok()?;
        match first.recv().ok()? {
            Ok(line) => line,
            Err(interrupt) => {
                // Behind the ^C of the terminal.
                self.talk("");
                let _ = self.interrupt.set(interrupt);
                None
            }
        }
    }
}

fn read_line(answers: &Mutex<Box<dyn BufRead + Send>>) -> Option<String> {
    let mut line = String::new();
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    answers.read_line(&mut line).ok().filter(|&read| read > 0)?;
    Some(line.trim().to_owned())
}

fn write(stream: &Mutex<Box<dyn Write + Send>>, text: &str) -> io::Result<()> {
    let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    match stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush())
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams")
            .field("out_is_terminal", &self.out_is_terminal)
            .field("person_is_there", &self.person_is_there)
            .finish_non_exhaustive()
    }
}

impl Captured {
    /// What went to standard output.
    pub fn out(&self) -> String {
        self.out.text()
    }

    /// What went to standard error.
    pub fn talk(&self) -> String {
        self.talk.text()
    }
}

impl Buffer {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
