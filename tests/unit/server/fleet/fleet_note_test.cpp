#include "server/fleet/fleet_note.h"

#include <gtest/gtest.h>

namespace roktcached::fleet {
namespace {

using caching::Purge;
using caching::PurgeKind;

Purge of_account(const std::string& account, PurgeKind kind = PurgeKind::hard) {
  return {caching::OfAccount{account, std::nullopt}, kind};
}

std::string account_of(const Purge& purge) {
  const auto* of = std::get_if<caching::OfAccount>(&purge.selection);
  return of != nullptr ? of->account_id : std::string(caching::name_of(purge.selection));
}

std::vector<std::string> accounts_of(const UntoldPurges& untold) {
  std::vector<std::string> accounts;
  for (const auto& one : untold.all()) accounts.push_back(account_of(one.purge));
  return accounts;
}

TEST(UntoldPurgesTest, TheyKeepTheirOrderAndThoseOfBeforeComeFirst) {
  UntoldPurges untold;
  EXPECT_TRUE(untold.empty());
  untold.add(of_account("3"));
  untold.add(of_account("4"));
  untold.add_first({of_account("1"), of_account("2")});
  EXPECT_EQ(accounts_of(untold), (std::vector<std::string>{"1", "2", "3", "4"}));
  EXPECT_EQ(account_of(untold.all().front().purge), "1");
  untold.remove(untold.next());
  EXPECT_EQ(accounts_of(untold), (std::vector<std::string>{"2", "3", "4"}));
  untold.remove(12345);
  EXPECT_EQ(untold.all().size(), 3U);
}

TEST(UntoldPurgesTest, OfVeryManyAllThatStaysIsThatThereWereSome) {
  for (const auto kind : {PurgeKind::hard, PurgeKind::soft}) {
    UntoldPurges untold;
    untold.add(of_account("0", kind));
    for (std::size_t i = 1; i < UntoldPurges::max_purges; ++i) untold.add(of_account("1", PurgeKind::soft));
    EXPECT_EQ(untold.all().size(), UntoldPurges::max_purges);
    const std::uint64_t told = untold.next();
    const std::uint64_t stands_for_all = untold.add(of_account("2", PurgeKind::soft));
    EXPECT_EQ(stands_for_all, untold.next());
    EXPECT_EQ(accounts_of(untold), (std::vector<std::string>{"all"}));
    EXPECT_EQ(untold.all().front().purge.kind, kind) << "as hard as the hardest of them";
    untold.remove(told);
    EXPECT_FALSE(untold.empty()) << "what was told was another one";
    untold.add(of_account("3"));
    EXPECT_EQ(accounts_of(untold), (std::vector<std::string>{"all", "3"}));
  }
}

TEST(UntoldPurgesTest, SoItIsOfThoseThatAreVeryLong) {
  UntoldPurges untold;
  const std::string target = "/" + std::string(UntoldPurges::max_bytes / 8, 'x');
  int added = 0;
  for (; added < 10 && (untold.empty() || accounts_of(untold)[0] != "all"); ++added)
    untold.add({caching::WithTarget{target, ""}, PurgeKind::hard});
  EXPECT_EQ(added, 8);
  EXPECT_EQ(untold.all().size(), 1U);
  // What was told makes room.
  for (int i = 0; i < 20; ++i) {
    untold.remove(untold.next());
    untold.add({caching::WithTarget{target, ""}, PurgeKind::hard});
  }
  EXPECT_EQ(accounts_of(untold), (std::vector<std::string>{"target"}));
}

TEST(UntoldPurgesTest, EachIsToldOfByOneAtATime) {
  UntoldPurges untold;
  const std::uint64_t first = untold.add(of_account("1"));
  const std::uint64_t second = untold.add(of_account("2"));
  {
    const UntoldPurges::Telling telling(untold, first);
    EXPECT_EQ(telling.octets(), untold.all().front().octets);
    EXPECT_EQ(untold.next(), second);
    untold.add_first({of_account("0")});
    EXPECT_EQ(accounts_of(untold), (std::vector<std::string>{"0", "1", "2"}));
    const std::uint64_t of_before = untold.next();
    untold.remove(of_before);
    EXPECT_EQ(untold.next(), second);
    untold.remove(second);
    EXPECT_EQ(untold.next(), 0U);
  }
  EXPECT_EQ(untold.next(), first) << "it was not told";
}

TEST(FleetNoteTest, ItIsReadAsItWasWritten) {
  UntoldPurges untold;
  untold.add(of_account("1"));
  untold.add({caching::Everything{}, PurgeKind::soft});
  const std::string octets = written("an-epoch", {5, 7}, untold);
  const auto note = read_note(octets);
  ASSERT_TRUE(note);
  EXPECT_EQ(note->epoch, "an-epoch");
  EXPECT_EQ(note->done, (StreamPosition{5, 7}));
  ASSERT_EQ(note->untold.size(), 2U);
  EXPECT_EQ(account_of(note->untold[0]), "1");
  EXPECT_EQ(account_of(note->untold[1]), "all");
  EXPECT_EQ(note->untold[1].kind, PurgeKind::soft);
  for (std::size_t size = 0; size < octets.size(); ++size)
    EXPECT_FALSE(read_note(std::string_view(octets).substr(0, size))) << size;
  EXPECT_FALSE(read_note(octets + "x"));
  EXPECT_FALSE(read_note("an-epoch 5-7")) << "as it was once";
}

}  // namespace
}  // namespace roktcached::fleet
