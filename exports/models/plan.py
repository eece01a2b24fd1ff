"""Plans that were asked for: the only state a stream needs to be resumed."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone

from exports.models.file import FileExport
from exports.models.stream import Stream
from themis_admin.datasets.models import Dataset, Version, sees_everything
from themis_admin.datasets.retention.holds import Hold
from themis_admin.jobs.models import Viewer
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.errors import GoneError

if TYPE_CHECKING:
    from themis_admin.accounts.models import User


class StoredPlanQuerySet(models.QuerySet["StoredPlan"]):
    """Plans, as far as a user may see their datasets."""

    def visible_to(self, user: Viewer) -> Self:
        """Plans over datasets that the user may see."""
        if sees_everything(user):
            return self
        return self.filter(dataset__owner_id=user.pk) if user.is_authenticated else self.none()


class StoredPlan(models.Model):
    """A plan's document by its digest, for one dataset; equal data in two datasets are two rows.

    `version` is the version it was first asked of. It becomes null when that version is removed, and the plan's
    cursors are refused from then on.
    """

    digest = models.CharField(max_length=64)
    document = models.JSONField()
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="plans")
    version = models.ForeignKey(Version, on_delete=models.SET_NULL, null=True, related_name="plans")
    title = models.CharField(max_length=500)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StoredPlanQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["digest", "dataset"], name="plan_once_a_dataset")]

    def __str__(self) -> str:
        return self.digest

    @classmethod
    def keep(cls, plan: Plan, *, version: Version, title: str, user: "User") -> "StoredPlan":
        """The row of `plan`, made where it is new."""
        defaults: dict[str, Any] = {
            "document": plan.to_document(),
            "version": version,
            "title": title[:500],
            "created_by": user,
        }
        try:
            # A savepoint, for the error below may come within a
            # caller's transaction, which has to remain usable.
            with transaction.atomic():
                stored, _ = cls.objects.get_or_create(
                    digest=plan.digest, dataset=version.dataset, defaults=defaults
                )
        except IntegrityError:
            raise GoneError("The version was removed at this moment; ask for another one.") from None
        return stored

    @classmethod
    def holds_of(cls, dataset: Dataset) -> Iterator[Hold]:
        """The versions that streams and export files are of, and those whose cursors are young.

        A continuous plan counts on through all later versions, so it needs each of them.
        """
        days = settings.THEMIS.keep_plans_days
        since = timezone.now() - timedelta(days=days)
        streams = Stream.objects.filter(Q(created_at__gt=since) | Q(pk__in=Stream.objects.open()))
        ways = {
            "export": (Q(digest__in=FileExport.objects.values("plan")), "made into files that are there"),
            "stream": (
                Q(created_at__gt=since) | Q(digest__in=streams.values("plan")),
                f"streamed in the last {days:,} day{'s' * (days != 1)}",
            ),
        }
        # Where its own version is gone, a plan's cursors go on with one of the same samples.
        equal = dict(dataset.versions.order_by("number").values_list("digest", "number"))
        for kind, (used, how) in ways.items():
            rows = cls.objects.filter(used, dataset=dataset).order_by()
            counts: Counter[tuple[int | None, bool]] = Counter()
            found = rows.values_list("version__number", "document__version", "document__continuous")
            for its_own, digest, continuous in found.iterator():
                # Counted instead of told one by one: a version may have
                # thousands of plans, and its owner wants one sentence.
                counts[its_own or equal.get(digest), continuous is not None] += 1
            for (number, later_too), count in counts.items():
                if number is not None:
                    plans = "a plan of it was" if count == 1 else f"{count:,} plans of it were"
                    yield Hold(number, kind, f"{plans} {how}", later_too)
