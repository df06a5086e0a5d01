#include "server/upstream/wire/open_content.h"

#include <memory>
#include <utility>

#include "server/asio.h"
#include "server/upstream/wire/content_coding.h"
#include "server/upstream/wire/exchange_failure.h"
#include "server/worker_pool.h"

namespace roktcached::upstream {

namespace {

asio::awaitable<Result<void>> undo_gzip(UpstreamResponse& response, bool takes_large,
                                        std::uint64_t max_response, asio::any_io_executor helpers) {
  if (response.large) {
    const Result<bool> gzipped = is_gzipped(response.fields);
    if (!gzipped) co_return gzipped.error();
    remove_coding(response.fields, *gzipped);
    if (*gzipped) response.large->inflate(helpers);
    co_return Result<void>();
  }
  Result<bool> undone = true;
  const auto undo = [&] {
    undone = undo_coding(response.status, response.fields, response.body, max_response, &response.held);
  };
  if (response.body.size() >= worth_another_thread_coded) {
    co_await run_on(helpers, undo);
  } else {
    undo();
  }
  if (!undone) co_return undone.error();
  if (*undone) co_return Result<void>();
  if (!takes_large) co_return larger_than(max_response);
  response.too_large = true;
  response.large =
      std::make_shared<LargeContent>(std::exchange(response.body, {}), nullptr, std::move(response.held));
  response.large->inflate(helpers);
  co_return Result<void>();
}

}  // namespace

asio::awaitable<void> open_content(Result<UpstreamResponse>& response, bool coded, bool takes_large,
                                   std::uint64_t max_response, asio::any_io_executor helpers, Turn& turn) {
  if (coded) {
    const Result<void> undone = co_await undo_gzip(*response, takes_large, max_response, helpers);
    if (!undone) response = undone.error();
  }
  if (!response || !response->large) co_return;
  LargeContent& content = *response->large;
  const Turn::Watch watch(&turn, [&] {
    if (turn.abandoned()) content.close();
  });
  const Result<void> begun = co_await content.begin();
  if (!begun) response = turn.abandoned() ? nobody_waits() : begun.error();
}

}  // namespace roktcached::upstream
