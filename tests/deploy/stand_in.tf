# In place of redshift.tf: no emulator has Redshift Serverless. The role that COPY takes is in the real file only.

output "copy_role_arn" {
  value = "arn:${data.aws_partition.here.partition}:iam::${local.account}:role/copy"
}

output "redshift" {
  value = {
    host      = "warehouse.example.org"
    port      = 5439
    database  = "tidegate"
    workgroup = "tidegate-${var.name}"
    arn       = "arn:${data.aws_partition.here.partition}:redshift-serverless:${data.aws_region.here.name}:${local.account}:workgroup/w"
  }
}
