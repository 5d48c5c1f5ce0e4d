"""SQLAlchemy's ORM: `Session.merge` of every row, a commit for each page."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session, registry

from benchmarks.peers import flat
from benchmarks.peers.vendor import Given, measure, pages, session

TYPES = {"integer": sa.Integer(), "numeric(18,6)": sa.Numeric(18, 6, asdecimal=False), "text": sa.Text()}
mappers = registry()


class NumberCheck:
    pass


table = sa.Table(
    "number_check",
    mappers.metadata,
    *(sa.Column(name, TYPES[flat.type_of(name)], primary_key=name in flat.KEY) for name in flat.COLUMNS),
)
mappers.map_imperatively(NumberCheck, table)


def work(told: Given) -> None:
    engine, vendor = sa.create_engine(told.database), session()
    mappers.metadata.create_all(engine)
    with Session(engine) as orm:
        for batch, date in told.listing:
            for page in pages(vendor, told.url, batch, date):
                for row in page:
                    orm.merge(NumberCheck(**{name: row.get(sent) for name, sent in flat.COLUMNS.items()}))
                orm.commit()


if __name__ == "__main__":
    measure(work)
