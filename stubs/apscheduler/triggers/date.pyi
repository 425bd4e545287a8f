from datetime import datetime

class DateTrigger:
    def __init__(self, run_date: datetime) -> None: ...
