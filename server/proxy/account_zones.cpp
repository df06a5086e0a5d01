#include "server/proxy/account_zones.h"

#include "core/formats/json_text.h"
#include "core/formats/table.h"

namespace roktcached::proxy {

namespace {

struct AccountZone {
  std::string account_id;
  std::optional<rokt::TimeZone> zone;
};

AccountZone read(std::string_view row) {
  AccountZone account;
  std::string zone;
  formats::JsonText text(row);
  formats::JsonMembers members(text);
  formats::JsonMember member;
  while (members.next(member)) {
    if (member.name == R"("accountId")") {
      // As text or as a number: both are written so in a path.
      if (member.value.front() == '"') {
        formats::append_unescaped(account.account_id, member.value);
      } else {
        account.account_id = member.value;
      }
    } else if (member.name == R"("accountTimezone")" && member.value.front() == '"') {
      formats::append_unescaped(zone, member.value);
    }
  }
  account.zone = rokt::TimeZone::find(zone);
  return account;
}

}  // namespace

void AccountZones::learn(const caching::StoredResponse& response) {
  constexpr unsigned ok = 200;
  const std::string_view route = response.route.view();
  if (response.status != ok || (route != "query-accounts" && route != "query-account")) return;
  auto rows = formats::Rows::of(*response.body);
  while (rows) {
    const auto row = rows->next();
    if (!row || row->empty()) return;
    AccountZone account = read(*row);
    if (!account.zone || account.account_id.empty()) continue;
    const LockGuard lock(mutex_);
    if (zones_.size() < most || zones_.contains(account.account_id))
      zones_.insert_or_assign(std::move(account.account_id), *account.zone);
  }
}

std::optional<rokt::TimeZone> AccountZones::zone_of(std::string_view account_id) const {
  const LockGuard lock(mutex_);
  const auto known = zones_.find(std::string(account_id));
  return known == zones_.end() ? std::nullopt : std::optional(known->second);
}

}  // namespace roktcached::proxy
