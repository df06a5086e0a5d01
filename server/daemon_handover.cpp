// The processes before and after this one: from the one it takes the sockets over, to the other it hands them
// over. While two of them serve, what one removes from its cache goes from the other's, too.

#include <algorithm>
#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/daemon.h"
#include "server/log_event.h"

namespace roktcached {

namespace {

/// For connections that stay idle while another process serves already.
constexpr std::chrono::seconds time_to_retire{5};
/// The next process waits for so long, and clients with it.
constexpr std::chrono::seconds longest_flush{3};

}  // namespace

Result<void> Daemon::open_handover() {
  const std::string& path = runtime_->settings.listen.handover_socket;
  if (path.empty()) return {};
  constexpr mode_t owner_only = 0600;
  auto inherited = start_.sockets.take(path);
  auto socket = inherited ? Result<net::UnixSocket>(std::move(*inherited))
                          : net::UnixSocket::open(path, owner_only, "");
  if (!socket) return socket.error();
  HandoverListener::Handler handler{
      .handed_over = [this](Descriptor connection) { hand_over(std::move(connection)); },
      .may_begin = [this] { return !former_.is_open() && !store_->waits_for_predecessor(); }};
  handover_ =
      std::make_unique<HandoverListener>(main_context_, std::move(*socket), copies_, std::move(handler));
  auto own = handover_->start();
  if (own) copies_.add(handover_->socket().descriptor());
  return own;
}

/// Before anything is accepted, or fetched: what the process before removes from then on, it tells this one.
/// @return unavailable if the process before goes on, and this one is not to serve
Result<void> Daemon::take_over() {
  if (!start_.predecessor) return {};
  Dismissal done = start_.predecessor->dismiss();
  start_.predecessor.reset();
  if (done.former == Former::goes_on)
    return Error{ErrorCode::unavailable, false,
                 "--take-over: this process has taken too long to start, and the one before it goes on"};
  listeners_->own_paths();
  health_listeners_->own_paths();
  if (admin_socket_) admin_socket_->own_path();
  if (handover_) handover_->socket().own_path();
  store_->look_again();
  if (done.former == Former::hangs) {
    LogEvent(spdlog::level::warn, "handover-unanswered",
             "hand-over: the process before does not answer; this one serves in its place, and each purge "
             "fails until that process goes on or has ended")
        .log();
    former_.open(std::move(done.connection), {.awaited = knows_of_next});
    return {};
  }
  LogEvent(spdlog::level::info, "handover-taken",
           done.former == Former::knows ? "hand-over: the process before ends; this one serves in its place"
                                        : "hand-over: the process before has ended already")
      .log();
  if (done.former == Former::knows) former_.open(std::move(done.connection));
  return {};
}

/// Another process is about to serve. It reads the cache file, so this one first writes there which entries
/// clients' writes have made invalid. The link keeps until then what it is to tell the next process.
void Daemon::hand_over(Descriptor connection) {
  next_.open(std::move(connection), {.is_held = true});
  has_successor_ = true;
  post_with_retry(helpers_.executor(), [this] {
    if (!store_->flush_within(longest_flush))
      LogEvent(spdlog::level::warn, "handover-unwritten",
               "hand-over: the cache file does not take what is queued; the next process may serve what a "
               "write has just made invalid")
          .log();
    post_with_retry(main_context_, [this] { let_next_serve(); });
  });
}

/// Connections end behind their next answer; those that stay idle are drained. The next process gets its
/// answer in any case.
void Daemon::let_next_serve() {
  next_.release({&knows_of_next, 1});
  if (is_draining_) return;
  log_event(spdlog::level::info, "handover-given",
            "hand-over: another process serves; {} connections end here, each behind its next answer",
            connections_.open())
      .with("connections", connections_.open())
      .log();
  leave_paths();
  copies_.close();
  admin_->retire();
  listeners_->hand_over();
  health_listeners_->hand_over();
  for (const auto& listener : admin_listeners_) listener->retire();
  retire(time_to_retire);
}

/// Another process listens on the same sockets: it finds clients by these paths, and deletes them in the end.
void Daemon::leave_paths() {
  handover_->socket().leave_path();
  if (admin_socket_) admin_socket_->leave_path();
  listeners_->leave_paths();
  health_listeners_->leave_paths();
}

HandoverLink::Handler Daemon::handler_of(const HandoverLink& link) {
  return {
      .purge = [this, &link](const caching::Purge& wanted) { return purge(wanted, &link); },
      .end = [this, &link](std::vector<caching::Key> targets, std::string route) -> asio::awaitable<void> {
        auto here = fetches_->end_as_told(targets, route);
        co_await std::move(here);
        auto there = end_elsewhere(std::move(targets), std::move(route), &link);
        co_await std::move(there);
      }};
}

/// Purges here, and in the processes before and after this one. Where they use one cache file it is that of
/// the one before, which goes first: what it has purged cannot come back from there. Blocks; not for the main
/// thread.
/// @param asked_by  the link to the process that has purged already; null: nobody has
/// @return an error where one of them may not have purged all of it
Result<std::uint64_t> Daemon::purge(const caching::Purge& purge, const HandoverLink* asked_by) {
  const auto before =
      asked_by == &former_ ? Result<std::optional<std::uint64_t>>(std::uint64_t{0}) : former_.purge(purge);
  // A former process that does not do it may have the file for long: that is not waited for.
  const bool has_done_it = before && before->has_value();
  const bool hangs = !before && former_.is_open();
  const auto here = has_done_it || hangs ? fetches_->purge_after_other(purge) : fetches_->purge(purge);
  if (hangs) return before.error();
  if (!here) return here.error();
  const auto after =
      asked_by == &next_ ? Result<std::optional<std::uint64_t>>(std::uint64_t{0}) : next_.purge(purge);
  if (!after) return after.error();
  return std::max({*here, before ? before->value_or(0) : 0, after->value_or(0)});
}

/// A write has ended what is stored here: so it ends in the processes before and after this one.
asio::awaitable<void> Daemon::end_elsewhere(std::vector<caching::Key> targets, std::string route,
                                            const HandoverLink* asked_by) {
  for (HandoverLink* const link : {&former_, &next_}) {
    if (link == asked_by || !link->is_open()) continue;
    auto ending = link->end(targets, route);
    co_await std::move(ending);
  }
}

}  // namespace roktcached
