# Keys, buckets and roles of a deployment on an AWS emulator. @ENDPOINT@ is filled in by the test.

provider "aws" {
  region                      = "us-gov-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = false
  s3_use_path_style           = true
  # The provider would try 25 times, for half an hour: an error of the emulator stays one.
  max_retries = 3

  endpoints {
    ec2            = "@ENDPOINT@"
    iam            = "@ENDPOINT@"
    kms            = "@ENDPOINT@"
    logs           = "@ENDPOINT@"
    rds            = "@ENDPOINT@"
    s3             = "@ENDPOINT@"
    s3control      = "@ENDPOINT@"
    secretsmanager = "@ENDPOINT@"
    sts            = "@ENDPOINT@"
  }
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_security_group" "tasks" {
  name   = "tasks"
  vpc_id = aws_vpc.this.id
}

module "data" {
  source                  = "../../modules/data"
  name                    = "proof"
  vpc_id                  = aws_vpc.this.id
  private_subnet_ids      = []
  tasks_security_group_id = aws_security_group.tasks.id
}

module "services" {
  source                  = "../../modules/services"
  name                    = "proof"
  image                   = "registry.example.org/tidegate@sha256:0"
  salesforce              = { org_id = "00DTg0000000001MAA", login_url = "https://x.example.org", username = "u", secret_arn = "arn:${data.aws_partition.here.partition}:secretsmanager:us-gov-west-1:000000000000:secret:salesforce" }
  api                     = { certificate_arn = "arn:${data.aws_partition.here.partition}:acm:us-gov-west-1:000000000000:certificate/c", allowed_cidrs = ["10.0.0.0/8"] }
  vpc_id                  = aws_vpc.this.id
  private_subnet_ids      = []
  tasks_security_group_id = aws_security_group.tasks.id
  buckets                 = module.data.buckets
  keys                    = module.data.keys
  anchor_key_arn          = module.data.anchor_key_arn
  copy_role_arn           = module.data.copy_role_arn
  aurora                  = { host = "db.example.org", port = 5432, database = "tidegate", resource_id = "cluster-1" }
  redshift                = module.data.redshift
  temporal                = { address = "temporal.example.org:7233", namespace = "proof" }
}

data "aws_partition" "here" {}

output "buckets" {
  value = module.data.buckets
}

output "keys" {
  value = module.data.keys
}

output "anchor_key" {
  value = module.data.anchor_key_arn
}

output "roles" {
  value = module.services.task_role_arns
}
