"""What a consumer may ask for: new plans in an hour, and streams at once."""

from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from rest_framework.request import Request

from exports.models import CountedPlan, Stream
from themis_admin.accounts.models import ApiToken, User
from themisdb_datasets.errors import GoneError, LimitError

WINDOW = timedelta(hours=1)
KEPT = timedelta(days=30)


def lease() -> timedelta:
    """How long a stream's row outlives the web process that sends it."""
    return timedelta(seconds=2 * settings.THEMIS.lease_seconds)


@dataclass(frozen=True)
class Consumer:
    """Who asks: a user by a token, or in the browser's session. Each token has limits of its own."""

    user: User
    token: ApiToken | None = None

    @classmethod
    def of(cls, request: Request) -> "Consumer":
        """The consumer behind a request that is authorised."""
        token = request.auth if isinstance(request.auth, ApiToken) else None
        return cls(cast(User, request.user), token)

    def counting(self, *, dry_run: bool) -> "Consumer | None":
        """Whose limit a new plan counts towards: the console's form looks at one with every change, for nothing."""
        return None if dry_run and self.token is None else self

    @property
    def mine(self) -> Q:
        """The rows of this consumer."""
        return Q(owner=self.user, token=self.token)

    def check(self) -> None:
        """GoneError where the consumer may go on no longer: its token was revoked or has expired, or its user."""
        if self.token is not None:
            allowed = ApiToken.objects.usable().filter(pk=self.token.pk).exists()
        else:
            allowed = User.objects.filter(pk=self.user.pk, is_active=True).exists()
        if not allowed:
            raise GoneError("The token of this stream was revoked or has expired.", code="token")

    def hold(self) -> None:
        """Let nobody else count for this consumer until the transaction ends."""
        holder = (
            ApiToken.objects.filter(pk=self.token.pk) if self.token else User.objects.filter(pk=self.user.pk)
        )
        # Counting and then inserting has a gap in which another request counts the
        # same. Both hold this row first; `no_key` leaves inserts alone that refer
        # to it by a foreign key, such as those of other requests' audit entries.
        holder.select_for_update(no_key=True).first()


def count_plan(plan: str, consumer: Consumer) -> None:
    """Count a plan where it is new; LimitError when that is one too many in the hour."""
    counted = CountedPlan.objects.filter(consumer.mine)
    if counted.filter(plan=plan).exists():
        return
    limit = settings.THEMIS.max_plans_an_hour
    with transaction.atomic():
        consumer.hold()
        if counted.filter(plan=plan).exists():
            return
        since = timezone.now() - WINDOW
        recent = counted.filter(created_at__gt=since)
        if recent.count() >= limit:
            # When that one is an hour old, there is room for one more.
            oldest = recent.order_by("-created_at")[limit - 1].created_at
            raise LimitError(
                f"These were {limit:,} new plans in an hour, which is the limit; the ones that you have asked for"
                " can be streamed and resumed as often as you like.",
                retry_after=_seconds(oldest - since),
                code="too_many_plans",
            )
        CountedPlan.objects.create(owner=consumer.user, token=consumer.token, plan=plan)


def open_stream(consumer: Consumer, *, title: str, plan: str, start: int, num_samples: int | None) -> Stream:
    """The row of a stream that begins, leased; LimitError when too many are open already."""
    limit = settings.THEMIS.max_streams
    with transaction.atomic():
        consumer.hold()
        mine = Stream.objects.filter(consumer.mine).open()
        if mine.count() >= limit:
            raise LimitError(
                f"{limit:,} streams are open, which is the limit; end one, or wait until one has ended.",
                retry_after=5,
                code="too_many_streams",
            )
        return Stream.objects.create(
            owner=consumer.user,
            token=consumer.token,
            title=title[:500],
            plan=plan,
            start=start,
            records_total=num_samples,
            lease_until=timezone.now() + lease(),
        )


def tidy() -> None:
    """Mark streams whose server has gone as failed, and forget plans that were counted long ago."""
    from_then = timezone.now()
    for stream in Stream.objects.lost():
        status = stream.to_dict()
        # The condition again: its process may have been frozen, and have renewed the lease since it was read.
        Stream.objects.filter(pk=stream.pk, lease_until__lte=from_then).update(
            state=status["status"], error=status["error"], finished_at=stream.lease_until
        )
    CountedPlan.objects.filter(created_at__lt=from_then - KEPT).delete()


def _seconds(wait: timedelta) -> int:
    return max(1, int(wait.total_seconds()) + 1)
