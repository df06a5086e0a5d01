#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include "config/secret.h"
#include "core/base64.h"
#include "server/access/scrypt.h"
#include "server/commands/commands.h"

namespace roktcached::commands {

namespace {

constexpr std::size_t longest_line = 4096;
constexpr std::size_t generated_size = 32;
constexpr std::array ending_signals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

volatile std::sig_atomic_t interrupted = 0;

/// While it lives, the terminal shows nothing of what is typed. A signal that would end the process ends the
/// reading instead, or the terminal would stay mute.
class Unseen {
 public:
  explicit Unseen(bool is_terminal) : is_terminal_(is_terminal && ::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    for (std::size_t i = 0; i < ending_signals.size(); ++i)
      ::sigaction(ending_signals[i], &action, &actions_before_[i]);
    termios unseen = before_;
    unseen.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen);
  }
  ~Unseen() {
    if (!is_terminal_) return;
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    for (std::size_t i = 0; i < ending_signals.size(); ++i)
      ::sigaction(ending_signals[i], &actions_before_[i], nullptr);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  termios before_{};  // set while is_terminal_ is
  bool is_terminal_;
  std::array<struct sigaction, ending_signals.size()> actions_before_{};
};

/// A line of standard input, without its end. Byte by byte: a buffer would keep a copy.
/// @return empty if it is too long, or cannot be read
std::optional<config::Secret> read_line() {
  std::string line;
  line.reserve(longest_line);  // it must not move and leave a copy behind
  char c = 0;
  while (interrupted == 0) {
    const auto size = ::read(STDIN_FILENO, &c, 1);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) break;
    if (size == 0 || c == '\n') {
      if (line.ends_with('\r')) line.pop_back();
      return config::Secret(std::move(line));
    }
    if (line.size() == longest_line) break;
    line += c;
  }
  explicit_bzero(line.data(), line.size());
  return std::nullopt;
}

std::optional<config::Secret> ask(std::string_view question, bool is_terminal) {
  if (!is_terminal) return read_line();
  fmt::print(stderr, "{}: ", question);
  auto line = read_line();
  fmt::print(stderr, "\n");
  return line;
}

int generate_secret() {
  const config::Secret secret(to_base64url(access::random_bytes(generated_size)));
  fmt::print("secret: {}\nsecret_hash = \"{}\"\n", secret.reveal(),
             config::to_string(access::hash_secret(secret.reveal())));
  return success;
}

}  // namespace

int hash_secret(bool generate) {
  if (generate) return generate_secret();
  const bool is_terminal = ::isatty(STDIN_FILENO) == 1;
  std::optional<config::Secret> secret;
  std::optional<config::Secret> again;
  {
    const Unseen unseen(is_terminal);
    secret = ask("Secret", is_terminal);
    if (secret && is_terminal) again = ask("The same again", is_terminal);
  }
  if (interrupted != 0) return fail(failed, "interrupted");
  if (!secret || (is_terminal && !again))
    return fail(failed, "no line of at most 4096 bytes on standard input");
  if (const auto why = access::why_no_secret(secret->reveal()))
    return fail(failed, fmt::format("{}; accepted: 16 to 1024 visible ASCII characters without ':'", *why));
  if (again && again->reveal() != secret->reveal()) return fail(failed, "the two are not the same");
  fmt::print("{}\n", config::to_string(access::hash_secret(secret->reveal())));
  return success;
}

}  // namespace roktcached::commands
