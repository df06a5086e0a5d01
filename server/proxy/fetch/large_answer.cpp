#include "server/proxy/fetch/large_answer.h"

#include <boost/asio/co_spawn.hpp>

#include "server/asio.h"
#include "server/background.h"
#include "server/proxy/fetch/fetcher.h"
#include "server/proxy/report/report_body.h"

namespace roktcached::proxy {

namespace {

asio::awaitable<void> pass_on(std::shared_ptr<GrowingAnswer> growing, upstream::LargeContentPtr content) {
  std::optional<ReportBodyReader> json;
  if (content->may_be_cut()) json.emplace();
  std::optional<Error> error;
  while (!error) {
    Result<std::string> piece = co_await content->next();
    if (!piece) error = piece.error();
    if (!piece || piece->empty()) break;
    if (json) json->read(*piece);
    const bool wanted = co_await growing->append(std::move(*piece));
    if (!wanted) {
      error = Error{ErrorCode::client_gone, true, "nobody read the answer any more"};
    }
  }
  if (!error && json && json->state() == ReportBodyReader::State::incomplete) {
    error = Error{ErrorCode::upstream_invalid_response, true,
                  "the connection ended in the middle of the content"};
  }
  growing->end(std::move(error));
}

}  // namespace

void pass_large_answer_on(const asio::any_io_executor& upstream_executor,
                          std::shared_ptr<GrowingAnswer> growing, upstream::LargeContentPtr content) {
  growing->begin({.status = 0, .fields = {}, .length = content->length()});
  growing->when_unread([content] { content->close(); });
  const auto pass = [growing, content = std::move(content)] { return pass_on(growing, content); };
  spawn_watched(upstream_executor, pass, "passing a large answer on", [growing](bool failed) {
    if (failed) growing->end(fetch_failure());
  });
}

}  // namespace roktcached::proxy
