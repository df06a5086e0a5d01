// The purge of the admin listener.

#include <boost/json/object.hpp>

#include "server/admin/admin.h"
#include "server/admin/body_answer.h"
#include "server/admin/purge_request.h"
#include "server/http/problem.h"
#include "server/log_event.h"
#include "server/worker_pool.h"

namespace roktcached::admin {

using http::Answer;
using http::Request;
namespace json = boost::json;

boost::asio::awaitable<Answer> Admin::purge(const Request& request, std::string_view /*query*/) const {
  const auto purge = parse_purge(request.body);
  if (!purge) co_return problem(purge.error(), request.id);
  struct Registered {
    const std::shared_ptr<UnderWay> all;
    const std::list<PurgeUnderWay>::iterator own;
    Registered(std::shared_ptr<UnderWay> of, PurgeUnderWay purge)
        : all(std::move(of)), own(all->purges.insert(all->purges.end(), std::move(purge))) {}
    ~Registered() { all->purges.erase(own); }
    Registered(const Registered&) = delete;
    Registered& operator=(const Registered&) = delete;
  };
  const std::string_view by = caching::name_of(purge->selection);
  Result<std::uint64_t> purged = std::uint64_t{0};
  {
    const Registered registered(under_way_, {by, request.client});
    const auto work = [&] { purged = sources_.purge(*purge); };
    co_await run_on(sources_.purger, work);
  }
  if (!purged) {
    log_event(spdlog::level::err, "purge-failed", "purge asked for by {} failed: {}", request.client,
              purged.error().context)
        .with("client", request.client)
        .log();
    co_return problem(purged.error(), request.id, retry_after_failure);
  }
  log_event(spdlog::level::info, "purged", "purged {} entries, by {}, as {} asked{}", *purged, by,
            request.client, purge->kind == caching::PurgeKind::soft ? " (soft)" : "")
      .with("entries", *purged)
      .with("by", by)
      .with("client", request.client)
      .log();
  json::object object;
  object["purged"] = *purged;
  if (sources_.fleet != nullptr) {
    const fleet::Confirmed confirmed = co_await sources_.fleet->tell(*purge);
    object["confirmed"] = confirmed.confirmed;
    object["instances"] = confirmed.instances;
  }
  co_return with_json(object);
}

void Admin::report_unfinished() const {
  for (const PurgeUnderWay& purge : under_way_->purges)
    log_event(spdlog::level::err, "purge-unfinished",
              "the purge by {} that {} has asked for is not finished; some of its entries may be left, so "
              "ask again",
              purge.by, purge.client)
        .with("by", purge.by)
        .with("client", purge.client)
        .log();
}

}  // namespace roktcached::admin
