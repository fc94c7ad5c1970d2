-- What crmkit is to see of the ERP: its columns under our names, amounts in whole cents, instants in UTC.
-- instant(day) stands for how the database at hand makes an instant of a day.

create view crm_lines as
select d."OrderID" || '/' || d."ProductID" id, instant(o."OrderDate") at, o."CustomerID" customer, e."LastName" who,
       c."CategoryName" category,
       (cast(round(d."UnitPrice" * 100) as integer) * d."Quantity" * (100 - cast(round(d."Discount" * 100) as integer))
        + 50) / 100 minor
from "Order Details" d
     join "Orders" o on o."OrderID" = d."OrderID"
     join "Employees" e on e."EmployeeID" = o."EmployeeID"
     join "Products" p on p."ProductID" = d."ProductID"
     join "Categories" c on c."CategoryID" = p."CategoryID";

create view crm_stages as
select o."OrderID" "case", e."LastName" who, 'entered' stage, instant(o."OrderDate") at
from "Orders" o join "Employees" e on e."EmployeeID" = o."EmployeeID"
union all
select o."OrderID", e."LastName", 'shipped', instant(o."ShippedDate")
from "Orders" o join "Employees" e on e."EmployeeID" = o."EmployeeID"
where o."ShippedDate" is not null
