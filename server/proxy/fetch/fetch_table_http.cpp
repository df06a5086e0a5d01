#include <boost/asio/co_spawn.hpp>

#include "server/asio.h"
#include "server/background.h"
#include "server/proxy/fetch/fetch_table.h"

namespace roktcached::proxy {

asio::awaitable<FetchResult> FetchTable::join_http(FetchRequest&& request, Sharing sharing,
                                                   TicketPtr ticket) {
  auto joined = join_http_on_upstream_thread(std::make_unique<FetchRequest>(std::move(request)), sharing,
                                             std::move(ticket));
  if (runs_here(upstream_executor_)) return joined;
  return asio::co_spawn(upstream_executor_, std::move(joined), asio::use_awaitable);
}

asio::awaitable<FetchResult> FetchTable::join_http_on_upstream_thread(std::unique_ptr<FetchRequest> request,
                                                                      Sharing sharing, TicketPtr ticket) {
  while (!ticket->left_) {
    const SteadyTime now = clock_.steady_now();
    const bool queues = sharing == Sharing::shared && !sharing_.is_in_vain(request->key, now);
    const FetchPtr fetch = queues ? find_for(*request, now) : nullptr;
    if (!fetch) {
      OwnFetch mine = start(*request, now);
      if (queues) fetches_.add(mine.get());
      co_return lead_http(std::move(mine), std::move(*request));
    }
    collapsed_.fetch_add(1, std::memory_order_relaxed);
    FetchWaiter waiter(upstream_executor_, *request);
    if (fetch->finished) {
      waiter.outcome = fetch->outcome;
    } else if (fetch->head_known) {
      waiter.reader = sharing_.reader_for(*fetch, *request);
    } else {
      co_await wait_for(fetch, waiter, *ticket);
    }
    if (ticket->left_) break;
    if (waiter.reader) co_return FetchResult{.collapsed = true, .content = std::move(waiter.reader)};
    if (fetch->finished && fetch->stored) co_return FetchResult{.look_again = true, .collapsed = true};
    const bool failed = waiter.outcome && waiter.outcome->failure;
    if (failed && was_broken_off(*waiter.outcome)) continue;
    if (failed) co_return FetchResult{.outcome = waiter.outcome, .collapsed = true};
    OwnFetch mine = start(*request, clock_.steady_now());
    co_return lead_http(std::move(mine), std::move(*request));
  }
  co_return FetchResult{.left = true};
}

/// Fetches for one client, and for those who may share its answer once its head says so.
FetchResult FetchTable::lead_http(OwnFetch fetch, FetchRequest request) {
  auto at_end = std::make_shared<FetchResult>();
  at_end->outcome = fetcher_.failed();
  FetchResult result{.content = fetch->growing->attach(), .at_end = at_end};
  ++fetch->asks;
  asio::co_spawn(upstream_executor_, run_http(std::move(fetch), std::move(request), std::move(at_end)),
                 logging_failure("fetching"));
  return result;
}

asio::awaitable<void> FetchTable::run_http(OwnFetch fetch, FetchRequest request,
                                           std::shared_ptr<FetchResult> at_end) {
  const Fetched fetched = co_await fetcher_.run(fetch.get(), request);
  at_end->outcome = fetched.outcome;
  // An answer that comes at once has no head before its end.
  if (end_elsewhere_ && !fetched.outcome->invalidated.empty()) {
    auto told = end_elsewhere_(fetched.outcome->invalidated, std::string(request.route));
    co_await std::move(told);
  }
  finish(fetch.get(), request, fetched);
}

}  // namespace roktcached::proxy
