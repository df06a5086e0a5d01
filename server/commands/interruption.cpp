#include "server/commands/interruption.h"

namespace roktcached::commands {

namespace {

volatile std::sig_atomic_t signal_came = 0;

}  // namespace

Interruption::Interruption() {
  signal_came = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { signal_came = 1; };  // without SA_RESTART: what waits is to end
  for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &action, &before_[i]);
}

Interruption::~Interruption() {
  for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &before_[i], nullptr);
}

const volatile std::sig_atomic_t* Interruption::flag() const {
  return &signal_came;
}

}  // namespace roktcached::commands
